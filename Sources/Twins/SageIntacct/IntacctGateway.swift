internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// What the gateway answers by itself.
enum IntacctGateway {
    static let path = "/ia/xml/xmlgw.phtml"

    /// - Source: developer.intacct.com, "Error handling", sample of a gateway error: no `control` but its status, and a description alone.
    private static func failure(_ status: Int, _ number: String, _ text: String) -> HTTPResponse {
        let error: XMLElement = .node("error", [.leaf("errorno", number), .leaf("description", text)])
        return IntacctXML.answer(
            status, .node("response", [.node("control", [.leaf("status", "failure")]), .node("errormessage", [error])]))
    }

    static let throttled = failure(429, "GW-0010", "API rate limit exceeded [Request ID: 00000000:0000_00000000.00]")
    static let invalid = failure(400, "GW-0011", "Invalid Request [Request ID: 00000000:0000_00000000.00]")

    /// - Source: intacct-sdk-php, `RequestHandlerTest.testMock400LevelErrorWithXmlResponse`.
    static let unknown = failure(401, "XMLGW_JPP0002", "Sign-in information is incorrect. Please check your request.")

    private static func page(_ status: Int, _ words: String) -> HTTPResponse {
        let head = "<html>\r\n<head><title>\(status) \(words)</title></head>\r\n"
        let text = head + "<body>\r\n<center><h1>\(status) \(words)</h1></center>\r\n</body>\r\n</html>\r\n"
        return HTTPResponse(status, fields: ["Content-Type": "text/html"], body: Array(text.utf8))
    }

    static let notFound = page(404, "Not Found")
    static let badMethod = page(405, "Method Not Allowed")
    static let tooLarge = page(413, "Request Entity Too Large")
    static let unavailable = page(503, "Service Temporarily Unavailable")
}

/// What one request says about all its functions.
struct IntacctControl: Sendable {
    var sender: String
    var id: String
    /// A function's `controlid` may succeed once.
    var isUnique: Bool
    var isSpaced: Bool
    var version: String

    /// - Source: developer.intacct.com, "XML requests": `uniqueid` is true where it is absent.
    init(_ element: XMLElement) {
        sender = element.value("senderid") ?? ""
        id = element.value("controlid") ?? ""
        isUnique = element.value("uniqueid")?.lowercased() != "false"
        isSpaced = element.value("includewhitespace")?.lowercased() == "true"
        version = element.value("dtdversion") ?? "3.0"
    }

    func element(_ status: String) -> XMLElement {
        .node("control", [
            .leaf("status", status), .leaf("senderid", sender), .leaf("controlid", id), .leaf("uniqueid", isUnique ? "true" : "false"),
            .leaf("dtdversion", version),
        ])
    }
}

/// One function, and who calls it.
struct IntacctCall: Sendable {
    /// The element inside of `<function>`.
    var body: XMLElement
    var controlID: String
    var sender: String
    var isUnique: Bool
    /// Where the caller reached the gateway.
    var endpoint: String
    var session: Duration

    var name: String { body.name.local }
}

extension IntacctState {
    mutating func respond(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        guard request.path == IntacctGateway.path else { return IntacctGateway.notFound }
        guard request.method == .post else { return IntacctGateway.badMethod }
        guard meter.admits(now) else { return IntacctGateway.throttled }
        guard request.body.count <= limits.bodyBytes else { return IntacctGateway.tooLarge }
        let type = (request.fields["Content-Type"] ?? "").split(separator: ";").first.map { $0.lowercased() } ?? ""
        guard ["application/xml", "text/xml", "x-intacct-xml-request"].contains(type) else { return IntacctGateway.invalid }
        let root: XMLElement
        do {
            root = try XMLElement(parsing: request.body)
        } catch {
            return refuse(.schema(error.summary), nil)
        }
        guard root.name.local == "request" else {
            return refuse(.schema("Element '\(root.name.local)': No matching global declaration available for the validation root."), nil)
        }
        let control = root["control"].map { IntacctControl($0) }
        if let problem = IntacctModels.problem(root) { return refuse(.schema(problem), control) }
        guard let control, let block = root["control"] else { return refuse(.schema("Element 'request': Missing child element(s)."), nil) }
        if let problem = guardControl(control, block, root) { return refuse(problem, control) }
        let host = request.fields["Host"].map { "http://\($0)/intacct" } ?? "https://api.intacct.com"
        let caller = IntacctCaller(control: control, endpoint: host + IntacctGateway.path, now: now)
        var answers: [XMLElement] = [control.element("success")]
        for operation in root.all("operation") {
            guard let answer = operate(operation, caller, random) else { return IntacctGateway.unknown }
            answers.append(answer)
        }
        return IntacctXML.answer(200, .node("response", answers), isSpaced: control.isSpaced)
    }

    /// A refusal of the whole request. It comes with status 200: Sage's samples show no other, and only the gateway's own errors are 4xx.
    private mutating func refuse(_ problem: IntacctProblem, _ control: IntacctControl?) -> HTTPResponse {
        let block = control?.element("failure") ?? .node("control", [.leaf("status", "failure")])
        return IntacctXML.answer(200, .node("response", [block, problem.element(support: support())]), isSpaced: control?.isSpaced ?? false)
    }

    private func guardControl(_ control: IntacctControl, _ block: XMLElement, _ root: XMLElement) -> IntacctProblem? {
        guard ["3.0", "2.1"].contains(control.version) else { return .schema("DTD version \(control.version) is not supported.") }
        let known = [SageIntacctTwin.senderID, SageIntacctTwin.strangerID].contains(control.sender)
        guard known, same(block.value("password"), SageIntacctTwin.senderPassword) else { return .sender }
        if let policy = block.value("policyid") { return .policy(policy) }
        let count = root.all("operation").flatMap { $0.all("content") }.reduce(0) { $0 + $1.children.count }
        return count > limits.functions ? .schema("Element 'content': more than \(limits.functions) functions.") : nil
    }

    // MARK: - Operations

    /// `nil` where nobody knows to which company this goes.
    private mutating func operate(_ operation: XMLElement, _ caller: IntacctCaller, _ random: any RandomSource) -> XMLElement? {
        guard let block = operation["authentication"], let name = companyName(block), open(name) else { return nil }
        guard var company = books.removeValue(forKey: name) else { return nil }
        defer { books[name] = company }
        company.now = caller.now
        let login: IntacctLogin
        do throws(IntacctProblem) {
            login = try company.authenticate(block, caller, limits.session)
        } catch {
            let shown: [XMLElement] = [
                .leaf("status", "failure"), .leaf("userid", block["login"]?.value("userid") ?? ""), .leaf("companyid", name), .leaf("locationid"),
            ]
            return .node("operation", [.node("authentication", shown), error.element(support: support())])
        }
        company.user = login.user
        company.entity = login.entity
        let calls = operation.all("content").flatMap { $0.all("function") }.compactMap { function in
            function.children.first.map { body in
                IntacctCall(
                    body: body, controlID: function.attribute("controlid") ?? "", sender: caller.control.sender, isUnique: caller.control.isUnique,
                    endpoint: caller.endpoint, session: limits.session)
            }
        }
        let isTransaction = operation.attribute("transaction")?.lowercased() == "true"
        let results = isTransaction ? runTogether(calls, &company, random) : calls.map { result($0, &company, random).element }
        return .node("operation", [login.element(name)] + results)
    }

    private func companyName(_ block: XMLElement) -> String? {
        if let login = block["login"] { return login.value("companyid") }
        guard let session = block.value("sessionid") else { return nil }
        return books.keys.sorted().first { books[$0]?.session(session) != nil }
    }

    // MARK: - Functions

    private mutating func result(
        _ call: IntacctCall, _ company: inout IntacctCompany, _ random: any RandomSource
    ) -> (element: XMLElement, problem: IntacctProblem?) {
        let head: [XMLElement] = [.leaf("function", call.name), .leaf("controlid", call.controlID)]
        let mark = company.mark
        do throws(IntacctProblem) {
            let answer = try company.execute(call, random)
            return (.node("result", [.leaf("status", "success")] + head + answer), nil)
        } catch {
            company.rollback(to: mark)
            return (.node("result", [.leaf("status", "failure")] + head + [error.element(support: support())]), error)
        }
    }

    /// All functions or none. Where there are several, the one that failed says `failure` and the others `aborted`; one alone says `aborted` itself.
    /// - Source: intacct-sdk-php, `OnlineClientTest` (several) and `ResultTest` (one).
    private mutating func runTogether(_ calls: [IntacctCall], _ company: inout IntacctCompany, _ random: any RandomSource) -> [XMLElement] {
        let mark = company.mark
        var done: [XMLElement] = []
        for (place, call) in calls.enumerated() {
            let (element, problem) = result(call, &company, random)
            guard var problem else {
                done.append(element)
                continue
            }
            company.rollback(to: mark)
            problem.errors.append(IntacctProblem.rolledBack)
            let support = support()
            return calls.enumerated().map { other, call in
                var shown = problem
                if other != place { shown.errors = [IntacctProblem.rolledBack] }
                let status = other == place && calls.count > 1 ? "failure" : "aborted"
                let head: [XMLElement] = [.leaf("status", status), .leaf("function", call.name), .leaf("controlid", call.controlID)]
                return .node("result", head + [shown.element(support: other == place ? support : nil)])
            }
        }
        return done
    }

    private func same(_ given: String?, _ secret: String) -> Bool { constantTimeEquals(Array((given ?? "").utf8), Array(secret.utf8)) }
}
