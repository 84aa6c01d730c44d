internal import FoundationEssentials
internal import HTTPClient
internal import Kernel
internal import Wire

/// A client of our own HTTP API, for the commands.
struct API: Sendable {
    let base: String
    private let key: Secret
    private let client: HTTPClient

    init(base: String, key: Secret) {
        self.base = base
        self.key = key
        let host = base.split(separator: "/").last.map(String.init) ?? ""
        client = HTTPClient(policy: EgressPolicy(allowedHosts: [host]))
    }

    init(_ house: House) { self.init(base: house.address, key: house.operatorKey) }

    /// From `--api URL` and COUNTERFOIL_API_KEY.
    init(_ arguments: Arguments) throws(Fault) {
        guard let key = Surroundings.current.variables["COUNTERFOIL_API_KEY"], !key.isEmpty else {
            throw usage("set COUNTERFOIL_API_KEY to an API key (`counterfoil key create LABEL` makes one)")
        }
        self.init(base: arguments.value("api") ?? "http://127.0.0.1:8080", key: Secret(key))
    }

    func isReady() async -> Bool {
        if case .answered(let response) = await client.send(HTTPRequest(.get, base + "/readyz"), timeout: .seconds(2)) { return response.status == 200 }
        return false
    }

    func get(_ path: String) async throws(Fault) -> JSON { try await call(.get, path, nil) }
    func post(_ path: String, _ body: JSON) async throws(Fault) -> JSON { try await call(.post, path, body) }
    func put(_ path: String, _ body: JSON) async throws(Fault) -> JSON { try await call(.put, path, body) }
    func patch(_ path: String, _ body: JSON) async throws(Fault) -> JSON { try await call(.patch, path, body) }

    /// A file as it is: the answer, whatever it says; `nil` when there was none.
    func file(_ path: String, _ bytes: [UInt8], type: String) async -> HTTPResponse? {
        let fields: HTTPFields = ["Authorization": "Bearer " + key.revealText(), "Accept": "application/json", "Content-Type": type]
        let request = HTTPRequest(.post, base + path, fields: fields, body: bytes)
        guard case .answered(let response) = await client.send(request, timeout: .seconds(60)) else { return nil }
        return response
    }

    /// Every item of a paged list.
    func items(_ path: String) async throws(Fault) -> [JSON] {
        var out: [JSON] = []
        var next: String? = ""
        while let cursor = next {
            let mark = path.contains("?") ? "&" : "?"
            let page = try await get(path + mark + "limit=200" + (cursor.isEmpty ? "" : "&cursor=\(Form.percent(cursor))"))
            out += page["items"]?.array ?? []
            next = page["next"]?.string
        }
        return out
    }

    /// What is answered, as it is.
    func file(_ path: String, _ body: JSON) async throws(Fault) -> [UInt8] { try await answer(.post, path, body) }

    private func call(_ method: HTTPMethod, _ path: String, _ body: JSON?) async throws(Fault) -> JSON {
        let bytes = try await answer(method, path, body)
        return bytes.isEmpty ? .null : try JSON(parsing: bytes)
    }

    /// A service that is just being restarted is asked again; a refusal is not.
    private func answer(_ method: HTTPMethod, _ path: String, _ body: JSON?) async throws(Fault) -> [UInt8] {
        var request = HTTPRequest(method, base + path, fields: ["Authorization": "Bearer " + key.revealText(), "Accept": "application/json"], body: body?.bytes ?? [])
        if body != nil { request.fields["Content-Type"] = "application/json" }
        var last = Fault("api_unreachable", stage: .api, disposition: .retry, summary: "the API at \(base) can't be reached", remedy: "Is `counterfoil up` or `counterfoil serve` running?")
        for attempt in 0 ..< 40 {
            switch await client.send(request, timeout: .seconds(30)) {
            case .answered(let response) where response.status < 300: return response.body
            case .answered(let response):
                let problem = (try? JSON(parsing: response.body)) ?? .null
                let fault = Fault(
                    problem["code"]?.string ?? "api_refused", stage: .api, disposition: .reject,
                    summary: "\(method.rawValue) \(path) answered \(response.status): \(API.words(problem))", remedy: problem["remedy"]?.string ?? "")
                guard response.status == 503, method == .get || attempt < 20 else { throw fault }
                last = fault
            case .notSent(let fault): last.underlying = fault.code
            case .unknown(let fault):
                last.underlying = fault.code
                guard method == .get || method == .put else { throw last }
            }
            do { try await Task.sleep(for: .milliseconds(250)) } catch { throw last }
        }
        throw last
    }

    /// A problem's words, with every finding's place.
    private static func words(_ problem: JSON) -> String {
        var text = problem["detail"]?.string ?? problem["title"]?.string ?? "no explanation"
        for finding in problem["errors"]?.array ?? [] {
            text += "\n  \(finding["field"]?.string ?? "?"): \(finding["why"]?.string ?? ""). \(finding["remedy"]?.string ?? "")"
        }
        return text
    }
}
