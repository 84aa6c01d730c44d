public import Wire

/// SOAP 1.1 over HTTP: envelopes with blanks in their header, and what an answer holds.
/// - Source: W3C, Simple Object Access Protocol 1.1, sections 4 and 6.
public enum SOAP {
    public static let namespace = "http://schemas.xmlsoap.org/soap/envelope/"

    /// What an answer holds.
    public enum Answer: Sendable, Equatable {
        /// The first element of the body.
        case body(XMLElement)
        case fault(Fault)
    }

    /// What the platform calls a fault; not one of ours.
    public struct Fault: Sendable, Equatable {
        public var code: String
        public var text: String
        /// Local name of the first element of the detail, which most platforms name the fault by.
        public var kind: String?
        /// All of the detail.
        public var detail: XMLElement?
    }

    /// A call of one operation. `header` and `body` are elements as XML; `action` goes into `SOAPAction`.
    public static func call(
        _ kind: Call.Kind, _ target: String, action: String, header: FilledBody, body: FilledBody, cost: [String: Int] = ["minute": 1]
    ) -> Call {
        let envelope: FilledBody = """
            <?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">\
            <soapenv:Header>\(header)</soapenv:Header><soapenv:Body>\(body)</soapenv:Body></soapenv:Envelope>
            """
        let fields: HTTPFields = ["Content-Type": "text/xml; charset=utf-8", "SOAPAction": "\"\(action)\""]
        return Call(kind, HTTPRequest(.post, target, fields: fields), body: envelope, cost: cost)
    }

    /// `nil` for what is no SOAP answer: a page of something between, half a body.
    public static func read(_ response: HTTPResponse) -> Answer? {
        guard let envelope = try? XMLElement(parsing: response.body), envelope.name.local == "Envelope", envelope.name.namespace == namespace,
            let first = envelope["Body"]?.children.first
        else { return nil }
        guard first.name.local == "Fault", first.name.namespace == namespace else { return .body(first) }
        let detail = first["detail"]
        return .fault(Fault(
            code: first["faultcode"]?.text ?? "", text: first["faultstring"]?.text ?? "", kind: detail?.children.first?.name.local, detail: detail))
    }
}
