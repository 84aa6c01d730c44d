internal import ConnectorKit
internal import Kernel
internal import Store
internal import Wire

/// A page's way to everything it shows and does: it asks the API in the name of whoever is signed in, in the same process and by the same code. What
/// their key may not see or do, no page sees or does.
struct Clerk: Sendable {
    let visit: Visit
    let asker: Asker

    var desk: Desk { visit.desk }
    var now: Timestamp { desk.clocks.now() }

    func may(_ scope: Scope) -> Bool { asker.scopes.contains(scope) }

    /// The answer's JSON.
    /// - Throws: the API's refusal.
    func get(_ target: String) async throws -> JSON { try await ask(.get, target, nil, seen: nil) }

    /// The tenant without its figures, which are counted over all its documents.
    func tenant(_ id: String) async throws -> JSON {
        guard let tenant = TenantID(id), let row = try await desk.store.adminTenant(tenant, asker.sees) else { throw Refusal.notFound() }
        return try JSON(parsing: row.json)
    }

    /// The first rows of a list.
    func items(_ target: String) async throws -> [JSON] { try await get(target).list("items") }

    /// All rows of a list, up to `most` of them.
    func all(_ target: String, most: Int = 2_000) async throws -> [JSON] {
        var out: [JSON] = []
        var cursor = ""
        while out.count < most {
            let page = try await get("\(target)\(target.contains("?") ? "&" : "?")limit=\(Limits.pageRows)\(cursor)")
            out += page.list("items")
            guard let next = page["next"]?.string else { break }
            cursor = "&cursor=\(Form.percent(next))"
        }
        return out
    }

    /// - Parameter seen: the tag of what the person has seen; another one by now is 412.
    @discardableResult
    func send(_ method: HTTPMethod, _ target: String, _ body: JSON = .object([]), seen: String? = nil) async throws -> JSON {
        try await ask(method, target, body, seen: seen)
    }

    private func ask(_ method: HTTPMethod, _ target: String, _ body: JSON?, seen: String?) async throws -> JSON {
        var request = HTTPRequest(method, target)
        if let seen { request.fields["If-Match"] = seen }
        if let body {
            request.fields["Content-Type"] = "application/json"
            request.body = body.bytes
        }
        let response = try await desk.inside(request, asker)
        return response.body.isEmpty ? .null : try JSON(parsing: response.body)
    }

    /// What a platform calls itself.
    func platform(_ id: String) -> String { desk.connectors[id]?.spec.name ?? Prose.title(id) }

    // MARK: What was asked of the page

    func query(_ name: String) -> String? { visit.request.query(name).flatMap { $0.isEmpty ? nil : $0 } }

    /// What a form sent; sent at most once for each name.
    func form(_ name: String) -> String { fields.first { $0.name == name }?.value ?? "" }

    func forms(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    private var fields: [(name: String, value: String)] { Form.decode(String(decoding: visit.request.body, as: UTF8.self)) }

    /// A part of a path, when it may stand in one.
    func part(_ name: String) throws -> String {
        guard let text = visit.parameters[name], Clerk.isID(text) else { throw Refusal.notFound() }
        return text
    }

    /// Ids of ours: letters, digits and hyphens.
    static func isID(_ text: String) -> Bool {
        (1 ... 36).contains(text.utf8.count) && text.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 45 }
    }
}

extension Desk {
    /// Answers a request of the program's own pages as it would one from outside with the asker's key.
    func inside(_ request: HTTPRequest, _ asker: Asker) async throws -> HTTPResponse {
        let route = try router.route(request)
        guard case .key(let scope) = route.endpoint.access else { throw Refusal.notFound() }
        let asker = try checked(asker, scope, request, route.endpoint.takes)
        let visit = Visit(call: Call(self, request, route, clocks.monotonic()), parameters: route.parameters, asker: asker)
        switch route.endpoint.work {
        case .now(let work): return try work(visit)
        case .waits(let work): return try await work(visit)
        case .hands(let work):
            return try await withCheckedThrowingContinuation { continuation in work(visit) { continuation.resume(with: $0) } }
        }
    }
}
