internal import Crypto
internal import FoundationEssentials
internal import Glibc
internal import HTTPClient
internal import Kernel
internal import Postgres
internal import Scheduler
internal import Store
internal import Wire

/// The program's own `serve` in a process of its own, with one client business and one connection in its database.
struct ServedPlane: Sendable {
    let child: Child
    let port: Int
    let database: BenchDatabase
    let tenant: TenantID
    let connection: ConnectionID
    /// May read everything.
    let key: Secret

    static let secret = "shpss_bench"
    static let topic = "orders/create"
    /// Shops subscribe to it, and nothing comes of it for the books: checked and acknowledged, not kept.
    static let unusedTopic = "products/update"

    static func start(_ workbench: Workbench) async throws(Fault) -> ServedPlane {
        let database = try await BenchDatabase.start(workbench).migrate()
        let random = SystemRandom()
        let tenant: TenantID = random.identifier(), connection: ConnectionID = random.identifier()
        let environment = try database.environment(workbench)
        let intake = try Secrets(Surroundings(variables: ["COUNTERFOIL_VAR": workbench.folder])).key("intake.key")
        let sealed = try intake.seal(Array(secret.utf8), context: Array("webhook \(tenant) \(connection)".utf8), random: random)
        let box = try BoxPrivateKey.generate(random: random)
        try await BenchTables.furnish(
            database.owner, tenant, publicKey: box.publicKey.bytes, connection: connection, platform: "shopify", sealedSecret: sealed)
        let pool = PostgresPool(database.supervisor, size: 1)
        let key = try await Store(pool).createKey(consultancy: nil, tenant: nil, label: "bench", scopes: ["read"], actor: "bench", random: random)
        await pool.close()
        let port = try freePort()
        let child = try await workbench.start("serve", Surroundings.current.program, ["serve", "--port", "\(port)"], environment: environment)
        let plane = ServedPlane(child: child, port: port, database: database, tenant: tenant, connection: connection, key: key)
        try await waitUntilAnswers(port, "/readyz")
        return plane
    }

    func stop(_ workbench: Workbench) async { await workbench.stop(child) }

    /// A port that was free a moment ago.
    static func freePort() throws(Fault) -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutableBytes(of: &address) { raw -> Bool in
            guard let base = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
            return bind(descriptor, base, length) == 0 && getsockname(descriptor, base, &length) == 0
        }
        guard bound else { throw Fault("no_descriptors", stage: .configuration, disposition: .retry, summary: "no port is free") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    static func waitUntilAnswers(_ port: Int, _ path: String) async throws(Fault) {
        let client = HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(port)"]))
        for _ in 0 ..< 200 {
            if case .answered(let response) = await client.send(HTTPRequest(.get, "http://127.0.0.1:\(port)\(path)"), timeout: .seconds(2)), response.status == 200 {
                await client.shutdown()
                return
            }
            try? await Task.sleep(for: .milliseconds(50))
        }
        await client.shutdown()
        throw Fault("not_ready", stage: .configuration, disposition: .hold, summary: "nothing answers on port \(port) within 10 s")
    }

    /// Writes a webhook delivery of 2 KB as it goes over the wire; sixteen @ stand for its id.
    func writeDelivery(_ file: String, topic: String = ServedPlane.topic) throws(Fault) {
        let body = ServedPlane.body
        let signature = Base64.encode(HMAC.sha256(key: Array(ServedPlane.secret.utf8), body))
        let head = """
            POST /hooks/\(connection) HTTP/1.1\r
            Host: 127.0.0.1:\(port)\r
            User-Agent: Shopify-Captain-Hook\r
            Content-Type: application/json\r
            X-Shopify-Topic: \(topic)\r
            X-Shopify-Webhook-Id: b54557e4-bdd9-4b37-8a5f-@@@@@@@@@@@@@@@@\r
            X-Shopify-Hmac-Sha256: \(signature)\r
            X-Shopify-Shop-Domain: prairie-goods.myshopify.com\r
            X-Shopify-API-Version: 2026-10\r
            Accept: */*\r
            Content-Length: \(body.count)\r
            \r\n
            """
        try write(Array(head.utf8) + body, to: file)
    }

    /// 2 KB of JSON.
    static let body: [UInt8] = {
        let note = String(repeating: "Please leave it at the back door, thank you. ", count: 60)
        let start = Array("{\"id\":6120034117000,\"currency\":\"USD\",\"total_price\":\"118.40\",\"note\":\"\(note)".utf8)
        return start.prefix(2_046) + Array("\"}".utf8)
    }()
}

func write(_ bytes: [UInt8], to file: String) throws(Fault) {
    do { try Data(bytes).write(to: URL(filePath: file)) } catch {
        throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "\(file) can't be written")
    }
}

/// What a process has used so far.
struct Usage: Sendable {
    /// Of all its threads, in user and kernel mode.
    var coreSeconds: Double
    /// Resident: RAM that it holds, shared pages included.
    var residentMegabytes: Double

    init(of pid: Int32) throws(Fault) {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8), let after = stat.lastIndex(of: ")"),
            let memory = try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8)
        else { throw Fault("bench_process_gone", stage: .configuration, disposition: .retry, summary: "process \(pid) has ended") }
        let words = stat[after...].split(separator: " ")
        let pages = memory.split(separator: " ")
        guard words.count > 13, let user = Double(words[12]), let kernel = Double(words[13]), pages.count > 1, let resident = Double(pages[1]) else {
            throw Fault("bench_process_gone", stage: .configuration, disposition: .retry, summary: "process \(pid) has ended")
        }
        coreSeconds = (user + kernel) / Double(sysconf(Int32(_SC_CLK_TCK)))
        residentMegabytes = resident * Double(sysconf(Int32(_SC_PAGESIZE))) / 1_048_576
    }
}
