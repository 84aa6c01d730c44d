import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

@Suite struct ConnectionTests {
    private func row(_ n: Int, event: Int, updated: String, type: String = "ORGANISATION") -> JSON {
        [
            "id": .string(guid(1000 + n)), "authEventId": .string(guid(event)), "tenantId": .string(guid(n)), "tenantType": .string(type),
            "tenantName": .string("Company \(n)"), "createdDateUtc": "2026-01-01T00:00:00.0000000", "updatedDateUtc": .string(updated),
        ]
    }

    private func listed(_ rows: [JSON], _ facts: ConnectionFacts) -> [String]? {
        drive(connector.accounts(facts), [answer(JSON.array(rows).text)]).end.output?.map(\.account)
    }

    @Test("however many organisations earlier consents reached, those of this one come first, and before them the connection's own; practices are none")
    func order() {
        let practices = (200 ..< 230).map { row($0, event: 1, updated: "2026-03-01T00:00:00.0000000", type: "PRACTICE") }
        let old = (1 ... 30).map { row($0, event: 1, updated: "2026-02-01T00:00:00.0000000") }
        let new = [row(31, event: 2, updated: "2026-11-01T00:00:00.0000000"), row(32, event: 2, updated: "2026-11-01T00:00:00.1000000")]
        let all = listed(practices + old + new, ConnectionFacts(account: ""))
        #expect(all == ([31, 32] + Array(1 ... 30)).map { guid($0) })
        #expect(listed(practices + old + new, ConnectionFacts(account: guid(17).uppercased()))?.prefix(3) == [guid(17), guid(31), guid(32)])
        #expect(listed([["tenantType": "ORGANISATION"], ["tenantType": "ORGANISATION", "tenantId": ""]], facts) == [])
    }
}
