internal import ConnectorKit
internal import Kernel
internal import Wire

/// One function of a request: what the gateway is to do, and the id that its result comes back under.
struct Function: Sendable, Equatable {
    /// What stands inside of `function`.
    struct Content: Sendable, Equatable {
        var name: String
        var bytes: [UInt8]

        /// One element and all in it.
        init(_ name: String, _ attributes: [(String, String)] = [], _ write: (inout XMLWriter) -> Void) {
            self.name = name
            var writer = XMLWriter()
            writer.start(name, attributes)
            write(&writer)
            writer.end()
            bytes = writer.bytes
        }

        static func empty(_ name: String) -> Content { Content(name) { _ in } }
        static func list(_ object: String) -> Content { Content("get_list", [("object", object)]) { _ in } }
    }

    var controlID: String
    var content: Content

    init(_ controlID: String, _ content: Content) {
        self.controlID = controlID
        self.content = content
    }
}

/// Requests as the gateway wants them. The order of elements is fixed by its schema.
/// - Source: Intacct/intacct_dtd, v3.0/api.xsd: request, control, operation, authentication, login.
enum Gateway {
    static let path = "/ia/xml/xmlgw.phtml"

    /// All functions in one request. A write is refused by the gateway where a function with one of the control ids was done before.
    /// - Parameter atomic: all or nothing.
    static func call(_ kind: Call.Kind, _ functions: [Function], atomic: Bool = false, units: Int = 1) -> Call {
        let authentication: FilledBody = "<sessionid>\(xml: .part("sessionid"))</sessionid>"
        let body = envelope(authentication, functions, unique: kind == .write, atomic: atomic)
        return Call(kind, request, body: body, cost: units > 0 ? [Budget.minute: units] : [:])
    }

    /// A session of the company, or of one of its entities.
    static func login(_ connection: ConnectionFacts) -> Call {
        // Settings that can't be read are told of by the call that follows.
        let entity = (try? Settings(connection))?.entity
        let place = entity.map { id in Function.Content("locationid") { $0.text(id) }.bytes } ?? []
        let authentication: FilledBody = """
            <login><userid>\(xml: .part("user_id"))</userid><companyid>\(xml: .account)</companyid><password>\(xml: .part("user_password"))</password>\
            \(bytes: place)</login>
            """
        let session = Function.Content("getAPISession") { writer in
            if let entity { writer.element("locationid", entity) }
        }
        return Call(.read, request, body: envelope(authentication, [Function("session", session)], unique: false, atomic: false), cost: Budget.one)
    }

    private static let request = HTTPRequest(.post, path, fields: ["Content-Type": "application/xml"])

    private static func envelope(_ authentication: FilledBody, _ functions: [Function], unique: Bool, atomic: Bool) -> FilledBody {
        var content: [UInt8] = []
        for function in functions {
            var opening = XMLWriter()
            opening.element("function", "", [("controlid", function.controlID)])
            // `<function controlid="…"/>` opened up.
            content += opening.bytes.dropLast(2)
            content += Array(">".utf8) + function.content.bytes + Array("</function>".utf8)
        }
        let uniqueness: [UInt8] = Array((unique ? "true" : "false").utf8)
        let atomicity: [UInt8] = Array((atomic ? "true" : "false").utf8)
        return """
            <?xml version="1.0" encoding="UTF-8"?><request><control><senderid>\(xml: .part("sender_id"))</senderid>\
            <password>\(xml: .part("sender_password"))</password><controlid>\(xml: .nonce)</controlid><uniqueid>\(bytes: uniqueness)</uniqueid>\
            <dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control><operation transaction="\(bytes: atomicity)">\
            <authentication>\(authentication)</authentication><content>\(bytes: content)</content></operation></request>
            """
    }
}

/// What a request asks for, read from the request itself: so that an answer can be judged by it.
struct Asked: Sendable, Equatable {
    /// Control ids of its functions.
    var ids: [String]

    init?(_ request: HTTPRequest) {
        guard let root = try? XMLElement(parsing: request.body), let content = root.at(["operation", "content"]) else { return nil }
        ids = content.all("function").compactMap { $0.attribute("controlid") }
    }

    /// Whose clear no goes to the exchange: a step behind a create, whose document stands already; a customer, whose id may be taken.
    var isStep: Bool { ids.contains { $0.hasSuffix(Asked.step) || $0.hasSuffix(Asked.customer) } }

    static let step = ".apply"
    static let customer = ".customer"
}

/// An answer in which sender and company are both accepted: a result for each function.
struct Answers: Sendable, Equatable {
    struct Result: Sendable, Equatable {
        var controlID: String
        /// Record number of what a function of the older kind created.
        var key: String?
        var data: XMLElement?
        /// Why it was not done; `nil` where it was.
        var problem: Problem?

        /// Record number of what was created.
        var created: String? {
            let number = key ?? data?.children.lazy.compactMap { $0["RECORDNO"]?.words }.first
            return number.flatMap { isRecordNumber($0) ? $0 : nil }
        }
    }

    var results: [Result]
    /// The company's id as the gateway says it.
    var company: String?

    /// `nil` where the request as a whole was refused or the answer is none of the gateway's.
    init?(_ response: HTTPResponse) {
        guard case .results(let answers)? = Reply(response) else { return nil }
        self = answers
    }

    init(results: [Result], company: String?) {
        self.results = results
        self.company = company
    }

    func result(_ controlID: String) -> Result? { results.first { $0.controlID == controlID } }
}

/// The gateway's answer at its three levels: control, authentication, and each function's own result.
/// - Source: developer.intacct.com, XML Responses and Error handling.
enum Reply: Sendable, Equatable {
    enum Level: Sendable { case control, authentication, operation }

    case results(Answers)
    /// Nothing was executed.
    case refused(Level, Problem)

    /// `nil` for what is no answer of the gateway's.
    init?(_ response: HTTPResponse) {
        guard let root = try? XMLElement(parsing: response.body), root.name.local == "response", let control = root["control"] else { return nil }
        switch control["status"]?.words {
        case "failure":
            self = .refused(.control, Problem(root["errormessage"] ?? control["errormessage"]))
            return
        case "success": break
        default: return nil
        }
        guard let operation = root["operation"] else {
            guard let errors = root["errormessage"] else { return nil }
            self = .refused(.control, Problem(errors))
            return
        }
        guard let authentication = operation["authentication"] else { return nil }
        switch authentication["status"]?.words {
        case "failure":
            self = .refused(.authentication, Problem(operation["errormessage"] ?? authentication["errormessage"]))
            return
        case "success": break
        default: return nil
        }
        var results: [Answers.Result] = []
        for element in operation.all("result") {
            guard let result = Reply.result(element) else { return nil }
            results.append(result)
        }
        if results.isEmpty {
            guard let errors = operation["errormessage"] else { return nil }
            self = .refused(.operation, Problem(errors))
            return
        }
        self = .results(Answers(results: results, company: authentication["companyid"]?.words))
    }

    private static func result(_ element: XMLElement) -> Answers.Result? {
        guard let id = element["controlid"]?.words else { return nil }
        let problem: Problem?
        switch element["status"]?.words {
        case "success": problem = nil
        case "failure": problem = Problem(element["errormessage"])
        // Rolled back because another function of the same transaction failed.
        case "aborted": problem = Problem(aborted: element["errormessage"])
        default: return nil
        }
        return Answers.Result(controlID: id, key: element["key"]?.words, data: element["data"], problem: problem)
    }
}

extension XMLElement {
    /// The text of an element; `nil` for an empty one.
    var words: String? {
        let text = plain(text)
        return text.isEmpty ? nil : text
    }
}

/// Digits, and no more of them than a number has.
func isRecordNumber(_ text: String) -> Bool {
    (1 ... IntacctLimits.recordDigits).contains(text.utf8.count) && text.utf8.allSatisfy { (48 ... 57).contains($0) } && text.utf8.first != 48
}
