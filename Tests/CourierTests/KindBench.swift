import ConnectorKit
import Courier
import Kernel
import Store
import Telemetry
import Wire

/// A courier before one of the small platforms.
struct KindBench: Sendable {
    let journal = Journal()
    let clocks: SteppingClocks
    let door: Doorkeeper
    let store: MemoryStore
    let connector: KindConnector
    let log = Locked("")
    let ends = Locked(Duration.seconds(100_000))
    let courier: Courier

    init(_ kind: Kind, limits: [RateLimit] = PlainConnector.limits, base: String? = nil) {
        connector = KindConnector(kind, limits: limits)
        clocks = SteppingClocks(journal)
        door = Doorkeeper(kind, journal, clocks)
        let row = ConnectionRow(
            id: Bench.connection, slug: "books", platform: "plain", account: Kind.account, baseURL: base, settings: Array("{}".utf8), state: "live",
            credential: Bench.sealed(kind.credential), credentialBefore: nil, credentialVersion: 1, watermark: nil)
        store = MemoryStore(row, journal, clocks)
        courier = Bench.courier(store, door, clocks, log, ends, seed: 1)
    }

    var kind: Kind { door.kind }
    /// Another worker over the same database and platform.
    func another(seed: UInt64 = 2) -> Courier { Bench.courier(store, door, clocks, log, ends, seed: seed) }
    var connection: CourierConnection { CourierConnection(row: store.row, facts: ConnectionFacts(account: Kind.account)) }

    @discardableResult
    func run(_ call: Call.Kind, by other: Courier? = nil, on connection: CourierConnection? = nil) async -> Delivery<String> {
        let exchange: Exchange<String> = .one(kind.call(call)) { response throws(Fault) in response.bodyText }
        return await (other ?? courier).run(exchange, connector: connector, connection: connection ?? self.connection)
    }

    /// What the database holds now.
    var saved: Credential? { Bench.opened(store.row.credential) }
}
