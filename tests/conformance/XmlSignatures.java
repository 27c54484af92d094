// A second opinion on XML signatures: the JDK's own javax.xml.crypto.dsig.
//
//   java XmlSignatures.java verify FILE...
//        one line per file: "FILE valid" or "FILE invalid REASON"
//   java XmlSignatures.java sign KEYSTORE.p12 PASSWORD ALGORITHM FORM IN OUT [KEYSTORE ...]
//        ALGORITHM rsa-sha256 | ecdsa-sha256 …, FORM plain | xades; six arguments per file
//
// The signature is put at the end of edXMLHeader, or of the root where there is none. Keys are taken from the
// X509Certificate inside: whom to trust is not this program's question.

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import javax.xml.crypto.KeySelector;
import javax.xml.crypto.KeySelectorResult;
import javax.xml.crypto.XMLCryptoContext;
import javax.xml.crypto.AlgorithmMethod;
import javax.xml.crypto.dom.DOMStructure;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.DigestMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLObject;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.keyinfo.X509Data;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

public class XmlSignatures {
    static final String DS = XMLSignature.XMLNS;
    static final String XADES = "http://uri.etsi.org/01903/v1.3.2#";
    static final String SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties";
    static final String EDXML = "http://www.mic.gov.vn/TBT/QCVN_102_2016";
    static final String EXCLUSIVE = CanonicalizationMethod.EXCLUSIVE;
    static final XMLSignatureFactory FACTORY = XMLSignatureFactory.getInstance("DOM");

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("verify")) {
            for (int i = 1; i < arguments.length; i++) {
                System.out.println(arguments[i] + " " + verify(arguments[i]));
            }
            return;
        }
        for (int i = 1; i + 5 < arguments.length; i += 6) {
            sign(arguments[i], arguments[i + 1], arguments[i + 2], arguments[i + 3], arguments[i + 4], arguments[i + 5]);
        }
    }

    static String verify(String file) {
        try {
            Document document = parse(file);
            NodeList found = document.getElementsByTagNameNS(DS, "Signature");
            if (found.getLength() != 1) {
                return "invalid " + found.getLength() + " signatures";
            }
            DOMValidateContext context = new DOMValidateContext(new CertificateInside(), found.item(0));
            NodeList properties = document.getElementsByTagNameNS(XADES, "SignedProperties");
            for (int i = 0; i < properties.getLength(); i++) {
                context.setIdAttributeNS((Element) properties.item(i), null, "Id");
            }
            XMLSignature signature = FACTORY.unmarshalXMLSignature(context);
            if (!signature.getSignatureValue().validate(context)) {
                return "invalid SignatureValue";
            }
            for (Object reference : signature.getSignedInfo().getReferences()) {
                if (!((Reference) reference).validate(context)) {
                    return "invalid digest of '" + ((Reference) reference).getURI() + "'";
                }
            }
            return signature.validate(context) ? "valid" : "invalid";
        } catch (Exception error) {
            return "invalid " + error.getClass().getSimpleName() + " " + error.getMessage();
        }
    }

    static void sign(String keystore, String password, String algorithm, String form, String in, String out)
            throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(keystore), password.toCharArray());
        String alias = store.aliases().nextElement();
        PrivateKey key = (PrivateKey) store.getKey(alias, password.toCharArray());
        X509Certificate certificate = (X509Certificate) store.getCertificate(alias);
        Document document = parse(in);
        NodeList headers = document.getElementsByTagNameNS(EDXML, "edXMLHeader");
        Node place = headers.getLength() > 0 ? headers.item(0) : document.getDocumentElement();

        List<Reference> references = new ArrayList<>();
        references.add(reference("", null, Transform.ENVELOPED, EXCLUSIVE));
        List<XMLObject> objects = new ArrayList<>();
        DOMSignContext context = new DOMSignContext(key, place);
        if (form.equals("xades")) {
            Element properties = properties(document, certificate);
            context.setIdAttributeNS((Element) properties.getFirstChild(), null, "Id");
            objects.add(FACTORY.newXMLObject(Collections.singletonList(new DOMStructure(properties)), null, null, null));
            references.add(reference("#signed", SIGNED_PROPERTIES, EXCLUSIVE));
        }
        SignedInfo signedInfo = FACTORY.newSignedInfo(
                FACTORY.newCanonicalizationMethod(EXCLUSIVE, (C14NMethodParameterSpec) null),
                FACTORY.newSignatureMethod("http://www.w3.org/2001/04/xmldsig-more#" + algorithm, null),
                references);
        KeyInfoFactory infos = FACTORY.getKeyInfoFactory();
        X509Data data = infos.newX509Data(List.of(certificate.getSubjectX500Principal().getName(), certificate));
        KeyInfo info = infos.newKeyInfo(Collections.singletonList(data));
        FACTORY.newXMLSignature(signedInfo, info, objects, "signature", null).sign(context);
        try (FileOutputStream stream = new FileOutputStream(out)) {
            TransformerFactory.newInstance().newTransformer().transform(new DOMSource(document), new StreamResult(stream));
        }
    }

    static Reference reference(String uri, String type, String... algorithms) throws Exception {
        List<Transform> transforms = new ArrayList<>();
        for (String algorithm : algorithms) {
            transforms.add(FACTORY.newTransform(algorithm, (TransformParameterSpec) null));
        }
        return FACTORY.newReference(uri, FACTORY.newDigestMethod(DigestMethod.SHA256, null), transforms, type, null);
    }

    static Element properties(Document document, X509Certificate certificate) throws Exception {
        Element qualifying = document.createElementNS(XADES, "xades:QualifyingProperties");
        qualifying.setAttributeNS("http://www.w3.org/2000/xmlns/", "xmlns:xades", XADES);
        qualifying.setAttributeNS("http://www.w3.org/2000/xmlns/", "xmlns:ds", DS);
        qualifying.setAttribute("Target", "#signature");
        Element signed = add(qualifying, XADES, "xades:SignedProperties", null);
        signed.setAttribute("Id", "signed");
        Element ofSignature = add(signed, XADES, "xades:SignedSignatureProperties", null);
        add(ofSignature, XADES, "xades:SigningTime", "2026-03-02T02:30:00Z");
        Element named = add(ofSignature, XADES, "xades:SigningCertificateV2", null);
        Element digest = add(add(named, XADES, "xades:Cert", null), XADES, "xades:CertDigest", null);
        add(digest, DS, "ds:DigestMethod", null).setAttribute("Algorithm", DigestMethod.SHA256);
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded());
        add(digest, DS, "ds:DigestValue", Base64.getEncoder().encodeToString(hash));
        return qualifying;
    }

    static Element add(Element parent, String namespace, String name, String text) {
        Element child = parent.getOwnerDocument().createElementNS(namespace, name);
        if (text != null) {
            child.setTextContent(text);
        }
        parent.appendChild(child);
        return child;
    }

    static Document parse(String file) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder().parse(file);
    }

    static class CertificateInside extends KeySelector {
        @Override
        public KeySelectorResult select(KeyInfo info, Purpose purpose, AlgorithmMethod method, XMLCryptoContext context) {
            for (Object part : info.getContent()) {
                if (part instanceof X509Data) {
                    for (Object entry : ((X509Data) part).getContent()) {
                        if (entry instanceof X509Certificate) {
                            X509Certificate certificate = (X509Certificate) entry;
                            if (certificate.getBasicConstraints() < 0) {
                                return () -> certificate.getPublicKey();
                            }
                        }
                    }
                }
            }
            throw new IllegalArgumentException("no certificate");
        }
    }
}
