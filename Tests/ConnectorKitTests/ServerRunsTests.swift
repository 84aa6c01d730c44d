import Catalog
import Kernel
import Testing
import Wire

@Suite("What runs against others' servers said") struct ServerRunsTests {
    private func line(_ version: String, of server: String = "localstripe", at: String = "2026-11-23T06:10:00Z", differences: Int = 0) -> String {
        "{\"server\":\"\(server)\",\"version\":\"\(version)\",\"at\":\"\(at)\",\"differences\":\(differences)}\n"
    }

    private func runs(_ lines: String...) throws -> ServerRuns { try ServerRuns(Array(lines.joined().utf8)) }

    @Test("a server's date is that of its newest run; one that found a difference, or was another version, gives none") func dated() throws {
        let version = try #require(Verification.of("stripe").servers.first?.version)
        #expect(try runs(line(version)).date("localstripe", version) == "2026-11-23T06:10:00Z")
        #expect(try runs(line(version), line(version, at: "2026-11-24T07:00:00Z")).date("localstripe", version) == "2026-11-24T07:00:00Z")
        #expect(try runs(line(version), line(version, differences: 1)).date("localstripe", version) == nil)
        #expect(try runs(line("0.0.1"), line(version, of: "other")).date("localstripe", version) == nil)
        #expect(try runs().date("localstripe", version) == nil)
    }

    @Test("the list has the date beside the server where a run recorded one, and null without") func listed() throws {
        func date(_ list: JSON) throws -> JSON? {
            let entry = try #require(list.array?.first { $0["id"]?.string == "stripe" })
            return entry["verified_by"]?["servers"]?[0]?["date"]
        }
        let version = try #require(Verification.of("stripe").servers.first?.version)
        #expect(try date(Register.json(nil, servers: try runs(line(version))))?.string == "2026-11-23T06:10:00Z")
        #expect(try date(Register.json)?.isNull == true)
    }

    @Test("a line that is no such record is refused", arguments: ["{}", "never ran", "{\"server\":\"a\",\"version\":\"1\",\"at\":\"today\",\"differences\":0}"])
    func refused(text: String) { #expect(throws: Fault.self) { try ServerRuns(Array(text.utf8)) } }
}
