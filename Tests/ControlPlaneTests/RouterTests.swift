import Kernel
import Testing
import Wire

@testable import ControlPlane

@Suite("routes") struct RouterTests {
    private static func work(_: Visit) -> HTTPResponse { HTTPResponse(200) }

    private let router = Router([
        Endpoint(.get, "/v1/things", .open, About("A route", .empty(200, "It was found.")), .now(work)), Endpoint(.post, "/v1/things", .open, About("A route", .empty(200, "It was found.")), .now(work)),
        Endpoint(.get, "/v1/things/{thing}", .open, About("A route", .empty(200, "It was found.")), .now(work)), Endpoint(.delete, "/v1/things/{thing}", .open, About("A route", .empty(200, "It was found.")), .now(work)),
        Endpoint(.get, "/v1/things/{thing}/parts/{part}", .open, About("A route", .empty(200, "It was found.")), .now(work)), Endpoint(.get, "/v1/things/mine", .open, About("A route", .empty(200, "It was found.")), .now(work)),
        Endpoint(.post, "/hooks/{connection}", .open, About("A route", .empty(200, "It was found.")), .now(work)),
    ])

    private func found(_ method: HTTPMethod, _ target: String) -> String {
        do throws(Refusal) {
            let route = try router.route(HTTPRequest(method, target))
            let parameters = route.parameters.list.sorted { $0.name < $1.name }.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
            return "\(route.number)" + (parameters.isEmpty ? "" : " " + parameters)
        } catch { return "\(error.status)" + (error.fields["Allow"].map { " " + $0 } ?? "") }
    }

    @Test("a path finds its endpoint, with its parameters decoded and its query left out") func finds() {
        #expect(found(.get, "/v1/things") == "0")
        #expect(found(.post, "/v1/things?x=/v1/things/1") == "1")
        #expect(found(.get, "/v1/things/7") == "2 thing=7")
        #expect(found(.head, "/v1/things/7") == "2 thing=7")
        #expect(found(.get, "/v1/things/a%2Fb?c") == "2 thing=a/b")
        #expect(found(.get, "/v1/things/a/parts/b") == "4 part=b thing=a")
        #expect(found(.get, "/v1/things/mine") == "5")
        #expect(found(.delete, "/v1/things/mine") == "3 thing=mine")
        #expect(found(.post, "/hooks/x") == "6 connection=x")
    }

    @Test("a part that is missing, empty or too many is another path") func misses() {
        for target in ["", "/", "//", "/v1", "/v1/", "/v1/thing", "/v1/things/", "/v1/thingss", "/v1/things/a/", "/v1/things//parts/b", "/v1/things/a/parts/",
            "/v1/things/a/parts", "/v1/things/a/parts/b/c", "/hooks/", "/hooks", "/hooks/x/", "x", "*"] {
            #expect(found(.get, target) == "404", "\(target)")
        }
    }

    @Test("a method that the path does not answer is told those that it does") func methods() {
        #expect(found(.put, "/v1/things") == "405 GET, POST")
        #expect(found(.put, "/v1/things/7") == "405 GET, DELETE")
        #expect(found(.head, "/hooks/x") == "405 POST")
    }
}
