import Testing
import Wire

@testable import ControlPlane

/// Holds every answer that a test gets against what its endpoint declares.
enum Conformance {
    private static let router = Router(Endpoints.table)

    static func hold(_ request: HTTPRequest, _ response: HTTPResponse) {
        for why in findings(request, response) {
            Issue.record("\(request.method.rawValue) \(request.target) answered \(response.status), \(why)\n\(response.bodyText.prefix(2_000))")
        }
    }

    /// How an answer is other than declared.
    static func findings(_ request: HTTPRequest, _ response: HTTPResponse) -> [String] {
        let route: Router.Route
        do throws(Refusal) { route = try router.route(request) } catch {
            // A browser gets a page.
            let isPage = (request.fields["Accept"] ?? "").contains("text/html") && !request.path.hasPrefix("/v1/")
            if isPage { return findings(.content(error.status, "text/html", ""), response) }
            return response.status == error.status ? findings(.refused(error.status, ""), response) : ["which is not \(error.status) for a path that nothing answers"]
        }
        // Pages are declared nowhere; Tests/browser looks at them.
        if Console.endpoints.contains(where: { $0 === route.endpoint }) { return [] }
        if response.bodyText.contains("undeclared_member") { return ["because its handler reads what it does not declare"] }
        let replies = route.endpoint.replies.filter { $0.status == response.status }
        guard !replies.isEmpty else { return ["which \(route.endpoint.name) does not declare"] }
        // Of two answers of one status that differ in kind either may be given.
        let told = replies.map { findings($0, response) }
        return told.contains([]) ? [] : told[0]
    }

    private static func findings(_ reply: Reply, _ response: HTTPResponse) -> [String] {
        let type = response.fields["Content-Type"].map { String($0.prefix { $0 != ";" }) }
        guard let declared = reply.type else { return response.body.isEmpty ? [] : ["which is declared without a body"] }
        guard declared == "*/*" || type == declared else { return ["of the type \(type ?? "none"), which is declared as \(declared)"] }
        for field in reply.fields where response.fields[field.name] == nil && field.name != "Location" { return ["without the field \(field.name) that is declared"] }
        guard let shape = reply.shape else { return [] }
        guard let json = try? JSON(parsing: response.body) else { return ["which is no JSON"] }
        var found: [Refusal.Finding] = []
        shape.check(json, .ours, into: &found)
        return found.map { "whose \($0.field) \($0.why)" }
    }
}
