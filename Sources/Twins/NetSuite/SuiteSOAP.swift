internal import Kernel
internal import Wire

/// What stops a whole request.
struct SuiteFault: Error, Sendable {
    /// The element's name in the faults' namespace; "" where the server's own machinery speaks.
    var name: String
    var code: String
    var message: String
    var faultCode = "soapenv:Server.userException"

    static let concurrency = SuiteFault(
        name: "exceededConcurrentRequestLimitFault", code: "WS_REQUEST_BLOCKED", message: "SuiteTalk concurrent request limit exceeded. Request blocked.")
    static let unexpected = SuiteFault(name: "unexpectedErrorFault", code: "UNEXPECTED_ERROR", message: "An unexpected error occurred.")
    static let tooMany = SuiteFault(
        name: "exceededRecordCountFault", code: "MAX_RCRDS_EXCEEDED",
        message: "The maximum number of records allowed for this operation has been exceeded.")
    static let login = SuiteFault(name: "invalidCredentialsFault", code: "INVALID_LOGIN_ATTEMPT", message: "Invalid login attempt.")

    /// What the server says of elements that its beans have not.
    static func bean(_ what: String) -> SuiteFault { SuiteFault(name: "", code: "", message: "org.xml.sax.SAXException: \(what)") }
}

/// One version of the SOAP service: its namespaces, and how answers are written.
/// - Source: the sheet, "Objects" and "Errors".
struct SuiteSOAP: Sendable {
    let version: String

    static let versions: Set<String> = [
        "2019_1", "2019_2", "2020_1", "2020_2", "2021_1", "2021_2", "2022_1", "2022_2", "2023_1", "2023_2", "2024_1", "2024_2", "2025_1", "2025_2",
    ]
    static let instance = "http://www.w3.org/2001/XMLSchema-instance"

    /// The version of `/services/NetSuitePort_2025_2`.
    static func version(ofPort path: String) -> String? {
        let front = "/services/NetSuitePort_"
        guard path.hasPrefix(front) else { return nil }
        let version = String(path.dropFirst(front.count))
        return versions.contains(version) ? version : nil
    }

    /// `core.platform` → `urn:core_2025_2.platform.webservices.netsuite.com`
    func namespace(_ area: String) -> String {
        if area.hasPrefix("types.") { return "urn:types." + namespace(String(area.dropFirst(6))).dropFirst(4) }
        let parts = area.split(separator: ".", maxSplits: 1).map(String.init)
        return "urn:\(parts[0])_\(version).\(parts.count > 1 ? parts[1] + "." : "")webservices.netsuite.com"
    }

    var messages: String { namespace("messages.platform") }
    var core: String { namespace("core.platform") }
    var common: String { namespace("common.platform") }

    /// The local part of an element's `xsi:type`.
    static func typeName(_ element: XMLElement) -> String? {
        let value = element.attributes.first { $0.name.local == "type" && $0.name.namespace == instance }?.value
        return value.flatMap { $0.split(separator: ":").last }.map(String.init)
    }

    static func isNil(_ element: XMLElement) -> Bool {
        element.attributes.contains { $0.name.local == "nil" && $0.name.namespace == instance && ["true", "1"].contains($0.value) }
    }

    // MARK: - Answers

    func answer(_ name: String, _ body: (SuiteSOAP, inout XMLWriter) -> Void) -> HTTPResponse {
        var writer = envelope()
        writer.start(name, [("xmlns", messages)])
        body(self, &writer)
        writer.end()
        writer.end()
        writer.end()
        return HTTPResponse(200, fields: ["Content-Type": "text/xml; charset=utf-8"], body: writer.bytes)
    }

    private func envelope() -> XMLWriter {
        var writer = XMLWriter(declaration: true)
        let spaces = [
            ("xmlns:soapenv", "http://schemas.xmlsoap.org/soap/envelope/"), ("xmlns:xsd", "http://www.w3.org/2001/XMLSchema"), ("xmlns:xsi", Self.instance),
            ("xmlns:platformMsgs", messages), ("xmlns:platformCore", core), ("xmlns:platformCommon", common),
            ("xmlns:platformFaults", namespace("faults.platform")),
        ]
        writer.start("soapenv:Envelope", spaces)
        writer.start("soapenv:Header")
        writer.start("platformMsgs:documentInfo")
        writer.element("platformMsgs:nsId", "WEBSERVICES_\(NetSuiteTwin.account)")
        writer.end()
        writer.end()
        writer.start("soapenv:Body")
        return writer
    }

    func fault(_ fault: SuiteFault, status: Int = 500) -> HTTPResponse {
        var writer = envelope()
        writer.start("soapenv:Fault")
        writer.element("faultcode", fault.faultCode)
        writer.element("faultstring", fault.message)
        if !fault.name.isEmpty {
            writer.start("detail")
            writer.start("platformFaults:\(fault.name)")
            writer.element("platformFaults:code", fault.code)
            writer.element("platformFaults:message", fault.message)
            writer.end()
            writer.end()
        }
        for _ in 0..<3 { writer.end() }
        return HTTPResponse(status, fields: ["Content-Type": "text/xml; charset=utf-8"], body: writer.bytes)
    }

    /// `status`, with what was wrong.
    func status(_ problem: SuiteProblem?, _ writer: inout XMLWriter) {
        writer.start("platformCore:status", [("isSuccess", problem == nil ? "true" : "false")])
        if let problem {
            writer.start("platformCore:statusDetail", [("type", "ERROR")])
            writer.element("platformCore:code", problem.soap)
            writer.element("platformCore:message", problem.message)
            writer.element("platformCore:afterSubmitFailed", "false")
            writer.end()
        }
        writer.end()
    }

    func base(_ name: String, _ type: String, _ id: Int?, _ external: String?, _ writer: inout XMLWriter) {
        var attributes = [("xsi:type", "platformCore:RecordRef"), ("type", type)]
        if let id { attributes.insert(("internalId", String(id)), at: 0) }
        if let external { attributes.insert(("externalId", external), at: 1) }
        writer.start(name, attributes)
        writer.end()
    }
}
