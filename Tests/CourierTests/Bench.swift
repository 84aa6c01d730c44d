import ConnectorKit
import Courier
import FoundationEssentials
import Kernel
@testable import Store
import Telemetry
import Testing
import Wire

/// A courier with everything around it scripted.
struct Bench: Sendable {
    let journal = Journal()
    let clocks: SteppingClocks
    let platform: Platform
    let store: MemoryStore
    let connector: PlainConnector
    /// Everything that was logged.
    let log = Locked("")
    let ends = Locked(Duration.seconds(100_000))
    let courier: Courier

    static let tenant = TenantID(UUID(uuid: (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)))
    static let connection = ConnectionID(UUID(uuid: (2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)))

    init(_ connector: PlainConnector = PlainConnector(), _ credential: Credential? = Bench.credential(0), expired: Bool = false, hosts: [String] = []) {
        self.connector = connector
        clocks = SteppingClocks(journal)
        platform = Platform(journal)
        var first = credential
        if first?.refreshToken != nil { first?.expiresAt = clocks.now() + (expired ? .seconds(-1) : .seconds(1800)) }
        let row = ConnectionRow(
            id: Bench.connection, slug: "books", platform: "plain", account: "acme", baseURL: nil, settings: Array("{}".utf8), state: "live",
            credential: first.map { Bench.sealed($0) }, credentialBefore: nil, credentialVersion: 1, watermark: nil)
        store = MemoryStore(row, journal, clocks)
        courier = Bench.courier(store, platform, clocks, log, ends, seed: 1, hosts: HostList(hosts))
    }

    /// Another worker over the same database and platform.
    func another(seed: UInt64 = 2) -> Courier { Bench.courier(store, platform, clocks, log, ends, seed: seed) }

    static func courier(
        _ store: MemoryStore, _ platform: any Transport, _ clocks: SteppingClocks, _ text: Locked<String>, _ ends: Locked<Duration>, seed: UInt64, hosts: HostList = HostList([])
    ) -> Courier {
        Courier(
            tenant: tenant, store: store, client: platform, clocks: clocks, random: SeededRandom(seed: seed), hosts: hosts,
            log: Log(component: "test", least: .debug, clocks: clocks) { bytes in text.with { $0 += String(decoding: bytes, as: UTF8.self) } },
            metrics: Metrics(), seal: { bytes, context throws(Fault) in Bench.cover(bytes, context) },
            open: { bytes, context throws(Fault) in
                guard let out = Bench.uncover(bytes, context) else {
                    throw Fault("box_closed", stage: .crypto, disposition: .hold, summary: "the box belongs elsewhere")
                }
                return out
            },
            deadline: { ends.with { $0 } })
    }

    // MARK: - Credentials

    /// Set number `n`: `hush-a0` and `hush-r0`. The word `hush` is in every secret.
    static func credential(_ n: Int, expires: Timestamp? = nil) -> Credential {
        Credential(accessToken: Secret("hush-a\(n)"), refreshToken: Secret("hush-r\(n)"), expiresAt: expires, clientID: "app", clientSecret: Secret("hush-client"))
    }

    private static func cover(_ bytes: [UInt8], _ context: [UInt8]) -> [UInt8] { context + [0] + bytes.map { $0 ^ 0x5a } }
    private static func uncover(_ bytes: [UInt8], _ context: [UInt8]) -> [UInt8]? {
        guard bytes.starts(with: context + [0]) else { return nil }
        return bytes.dropFirst(context.count + 1).map { $0 ^ 0x5a }
    }

    static func sealed(_ credential: Credential) -> [UInt8] { cover(credential.jsonForSealing(), Credential.context(tenant, connection)) }
    /// The context in words.
    static func sealed(_ credential: Credential, for place: String) -> [UInt8] { cover(credential.jsonForSealing(), Array(place.utf8)) }
    static func sealedBytes(_ text: String) -> [UInt8] { cover(Array(text.utf8), Credential.context(tenant, connection)) }
    static func opened(_ sealed: [UInt8]?) -> Credential? {
        guard let bytes = sealed.flatMap({ uncover($0, Credential.context(tenant, connection)) }) else { return nil }
        return try? Credential(json: bytes)
    }

    /// The same row under another id: the connection that was asked for is gone.
    static func elsewhere(_ row: ConnectionRow) -> ConnectionRow {
        var out = row
        out.id = ConnectionID(UUID(uuid: (3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3)))
        return out
    }

    // MARK: - Work

    /// The connection as the database has it now.
    var connection: CourierConnection { CourierConnection(row: store.row, facts: ConnectionFacts(account: "acme")) }

    static func call(_ kind: Call.Kind, _ path: String = "/things") -> Call { Call(kind, HTTPRequest(kind == .read ? .get : .post, path)) }

    static func one(_ kind: Call.Kind, _ path: String = "/things") -> Exchange<String> {
        .one(call(kind, path)) { response throws(Fault) in response.bodyText }
    }

    /// Calls one after the other; the last one's body.
    static func chain(_ calls: [Call]) -> Exchange<String> {
        guard let first = calls.first else { return .finish("end") }
        return .send(first) { _ in chain(Array(calls.dropFirst())) }
    }

    @discardableResult
    func run(
        _ exchange: Exchange<String>, by other: Courier? = nil, on connection: CourierConnection? = nil, startBy: Duration? = nil
    ) async -> Delivery<String> {
        await (other ?? courier).run(exchange, connector: connector, connection: connection ?? self.connection, startBy: startBy)
    }

    func read(by other: Courier? = nil) async -> Delivery<String> { await run(Bench.one(.read), by: other) }
    func write(startBy: Duration? = nil) async -> Delivery<String> { await run(Bench.one(.write), startBy: startBy) }
}

extension Delivery {
    var output: Output? { if case .done(let output) = self { output } else { nil } }
    var refusal: Fault? { if case .refused(let fault) = self { fault } else { nil } }
    var unknown: Fault? { if case .unknown(let fault) = self { fault } else { nil } }
    var duplicate: Fault? { if case .duplicate(let fault) = self { fault } else { nil } }
    var fault: Fault? { refusal ?? unknown ?? duplicate }
}
