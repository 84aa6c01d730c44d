import HTTPClient
import Kernel
import Store
import Testing

@testable import Alerts

@Suite("Receivers that the guard would refuse") struct ReceiversTests {
    private func route(_ name: String, _ kind: String, _ settings: String, of owner: AlertOwner = AlertOwner(tenantOne)) -> AlertRouteRow {
        AlertRouteRow(owner: owner, name: name, kind: kind, settings: Array(settings.utf8), secret: nil)
    }

    private func refused(_ rows: [AlertRouteRow], bells: [String] = [], mail: String? = nil, allowed: [String] = []) async throws -> [Receivers.Refused] {
        let server = try mail.map { try MailServer(json: Array(#"{"server": "\#($0)", "from": "cf@example.com"}"#.utf8)) }
        return await Receivers.refused(rows, bells: bells, mail: server, policy: EgressPolicy(allowedHosts: allowed))
    }

    @Test("private and plain receivers are named with the entry that they need, and public ones are not", arguments: [
        ("webhook", #"{"url": "http://10.0.0.9/hook"}"#, "10.0.0.9:80"), ("webhook", #"{"url": "https://192.168.1.4:8443/hook"}"#, "192.168.1.4:8443"),
        ("alertmanager", #"{"url": "http://127.0.0.1:9093"}"#, "127.0.0.1:9093"), ("email", #"{"to": ["a@example.com"], "server": "smtp://10.1.2.3"}"#, "10.1.2.3:587"),
        ("webhook", #"{"url": "https://localhost/hook"}"#, "localhost:443"),
    ])
    func named(kind: String, settings: String, place: String) async throws {
        let found = try await refused([route("night", kind, settings)])
        #expect(found.map(\.place) == [place])
        #expect(found.first?.fault.remedy.contains("alerts=\(place)") ?? false)
        #expect(found.first?.fault.summary.contains("night") ?? false)
        #expect(try await refused([route("night", kind, settings)], allowed: [place]).isEmpty)
    }

    @Test("the operator's mail server and bells count too; mail by the operator's server and public hosts need nothing") func others() async throws {
        #expect(try await refused([], bells: ["http://10.0.0.7/bell"], mail: "smtps://10.0.0.8").map(\.place) == ["10.0.0.8:465", "10.0.0.7:80"])
        let fine = [route("mail", "email", #"{"to": ["a@example.com"]}"#, of: .operator), route("hook", "webhook", #"{"url": "https://93.184.216.34/hook"}"#)]
        #expect(try await refused(fine).isEmpty)
    }
}
