import Kernel
import Testing
import Wire

@testable import ControlPlane

@Suite("the description of the API") struct DescriptionTests {
    @Test("every endpoint says what it does, what it answers when all is well, and what its path's parameters are") func told() {
        for endpoint in Endpoints.all {
            let about = endpoint.about
            #expect((5 ... 100).contains(about.summary.count), "\(endpoint.name): one line that says what it does")
            #expect(!about.summary.hasSuffix("."), "\(endpoint.name)")
            #expect(about.replies.contains { $0.status < 400 }, "\(endpoint.name) declares no answer but refusals")
            for reply in endpoint.replies { #expect(!reply.meaning.isEmpty, "\(endpoint.name) \(reply.status)") }
            for name in endpoint.pathParameters { #expect(PathParameter.all.contains { $0.name == name }, "\(endpoint.name): \(name) is not among PathParameter.all") }
            let answers = endpoint.replies.map { "\($0.status) \($0.type ?? "")" }
            #expect(Set(answers).count == answers.count, "\(endpoint.name) declares an answer twice")
            let names = about.parameters.map(\.name)
            #expect(Set(names).count == names.count, "\(endpoint.name)")
        }
        let ids = Endpoints.all.map(\.operationID)
        #expect(Set(ids).count == ids.count)
        #expect(Set(Endpoints.groups.map(\.name)).count == Endpoints.groups.count)
    }

    @Test("every example is one that its own declaration lets through") func examples() {
        for endpoint in Endpoints.all {
            var found: [Refusal.Finding] = []
            switch endpoint.about.body {
            case .members(let members): Shape.object(members).check(members.example(.theirs), .theirs, into: &found)
            case .whole(let shape, let example): shape.check(example, .theirs, into: &found)
            case .none, .content: break
            }
            for parameter in endpoint.about.parameters + endpoint.pathParameters.map({ PathParameter.of($0) }) {
                parameter.shape.check(parameter.example ?? parameter.shape.example, .theirs, into: &found)
            }
            for reply in endpoint.replies { reply.shape?.check(reply.shape?.example ?? .null, .ours, into: &found) }
            #expect(found == [], "\(endpoint.name)")
        }
    }

    @Test("/openapi.json is open, names every endpoint, and resolves within itself") func served() async throws {
        let bench = try await Bench.make()
        let answer = Answer(await bench.raw(.get, "/openapi.json"))
        #expect(answer.status == 200 && answer.json["openapi"]?.string == "3.1.1" && answer.json["info"]?["version"]?.string == "test")
        for endpoint in Endpoints.all {
            let operation = answer.json["paths"]?[endpoint.pattern]?[endpoint.method.rawValue.lowercased()]
            #expect(operation?["summary"]?.string == endpoint.about.summary, "\(endpoint.name)")
            if case .open = endpoint.access { #expect(operation?["security"] == []) } else { #expect(operation?["security"] == nil) }
        }
        var references: Set<String> = []
        collect(answer.json, &references)
        let schemas = Set((answer.json["components"]?["schemas"]?.object ?? []).map { "#/components/schemas/\($0.key)" })
        #expect(references == schemas)
    }

    private func collect(_ json: JSON, _ references: inout Set<String>) {
        if let reference = json["$ref"]?.string { references.insert(reference) }
        for (_, value) in json.object ?? [] { collect(value, &references) }
        for value in json.array ?? [] { collect(value, &references) }
    }

    @Test("who has the description already is told so, without a body") func tagged() async throws {
        let bench = try await Bench.make()
        let first = await bench.raw(.get, "/openapi.json")
        let tag = try #require(first.fields["ETag"])
        #expect(first.fields["Cache-Control"] == "no-cache")
        for known in [tag, "\"other\", \(tag)", "W/\(tag)"] {
            let again = await bench.raw(.get, "/openapi.json", fields: ["If-None-Match": known])
            #expect(again.status == 304 && again.body.isEmpty && again.fields["ETag"] == tag, "\(known)")
        }
        #expect(await bench.raw(.get, "/openapi.json", fields: ["If-None-Match": "\"other\""]).status == 200)
    }

    @Test("an answer that is other than declared is noticed: another status, a member too many, one that is missing, one of another kind") func noticed() {
        let request = HTTPRequest(.get, "/v1/report/pending")
        let good: JSON = ["events_ingested": 0, "cases_dirty": 0, "postings_open": 0, "jobs_due": 0]
        #expect(Conformance.findings(request, .json(200, good)) == [])
        #expect(Conformance.findings(request, .json(202, good)).count == 1)
        #expect(Conformance.findings(request, .json(200, good.setting("more", 1))).count == 1)
        #expect(Conformance.findings(request, .json(200, good.setting("jobs_due", "0"))).count == 1)
        #expect(Conformance.findings(request, .json(200, ["events_ingested": 0, "cases_dirty": 0, "postings_open": 0])).count == 1)
        #expect(Conformance.findings(request, .text(200, "up")).count == 1)
    }

    @Test("a handler that reads what is not declared, or as something else than it is declared, is a mistake of ours") func undeclared() {
        let members: [Member] = [.must("slug", .slug), .may("weight", .integer(1 ... 3))]
        func code(_ read: (inout Input) -> Void) -> String {
            var input = Input(["slug": "a", "weight": 2], members, of: "POST /x")
            read(&input)
            do { try input.check() } catch { return (error as? Fault)?.code ?? "refused" }
            return ""
        }
        #expect(code { _ = ($0.slug(), $0.integer("weight")) } == "")
        #expect(code { _ = $0.text("name") } == "undeclared_member")
        #expect(code { _ = $0.text("slug") } == "undeclared_member")
        #expect(code { _ = $0.flag("weight") } == "undeclared_member")
        #expect(Refusal(Fault("undeclared_member", stage: .api, disposition: .bug, summary: "")).status == 500)
    }
}
