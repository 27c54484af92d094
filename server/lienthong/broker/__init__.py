"""RabbitMQ: the topology as data, connections that come back, publishing, consuming, and a private local node."""

from __future__ import annotations

from lienthong.broker.private_node import PrivateNode
from lienthong.broker.rabbit import RabbitBroker
from lienthong.broker.topology import Topology

__all__ = ["PrivateNode", "RabbitBroker", "Topology"]
