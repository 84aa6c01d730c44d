internal import Glibc
internal import HTTPClient
internal import Kernel
internal import Store
internal import Wire

/// A client business with twins of its own, that is removed while everybody works.
struct ThirdTenant: Sendable {
    static let slug = "harbour-goods"

    let house: House
    let sandbox: String
    private let api: API
    private let client: HTTPClient
    private let known = Locked<(tenant: TenantID?, live: Int)>((nil, 0))

    init(_ house: House, port: Int) {
        self.house = house
        sandbox = "http://127.0.0.1:\(port)"
        api = API(house)
        client = HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(port)", "127.0.0.1:\(house.sandboxPort)"]))
    }

    /// Made from the American demo tenant's file, with other twins behind it.
    func setUp(seed: UInt64) async throws(Fault) {
        _ = try await call(.post, sandbox + "/_sandbox/day/prepare", .object([("seed", .number("\(seed % (1 << 40) + 1)")), ("orders", .number("40"))]))
        var files = try TenantFiles.read(house.surroundings.absolute("tenants/demo"), variables: ["sandbox": sandbox])
        files.tenants = files.tenants.filter { $0.json["slug"]?.string == "prairie-goods" }
            .map { ($0.file, $0.json.setting("slug", .string(Self.slug)).setting("name", "Harbour Goods")) }
        let applied = try await TenantApply(api).apply(files)
        for connection in applied.connections where connection.platform == "shopify" {
            for shop in ["prairie-goods", "thames-pottery"] {
                // The other shop of those twins has no tenant: what it sends is refused, which harms nobody.
                let url = shop == connection.account ? "\(house.address)/hooks/\(connection.id)" : "\(sandbox)/healthz"
                _ = try await call(.post, sandbox + "/_sandbox/shopify/\(shop)/subscriptions", .object([("url", .string(url))]))
            }
        }
        for tenant in try await api.items("/v1/tenants?slug=\(Self.slug)") {
            if let id = tenant["id"]?.string.flatMap({ TenantID($0) }) { known.with { $0.tenant = id } }
        }
    }

    /// Lets it have work, and waits until some of it is posted.
    func work() async throws(Fault) {
        _ = try await call(.post, sandbox + "/_sandbox/day/play", .object([("until", "end"), ("webhook_base", .string(house.address))]))
        for _ in 0 ..< 600 {
            if try await live() > 0 { return }
            await rest(.milliseconds(50))
        }
    }

    func remove() async throws(Fault) {
        guard let tenant = known.with({ $0.tenant }) else { return }
        _ = try await api.patch("/v1/tenants/\(tenant)", .object([("state", "removed")]))
    }

    /// Waits until no process works for it; what is still there after `limit`, in words. Notes what its ledger holds then.
    func leaves(_ vantage: Vantage, within limit: Duration) async throws(Fault) -> String? {
        guard let tenant = known.with({ $0.tenant }) else { return nil }
        let clocks = SystemClocks()
        let began = clocks.monotonic()
        var left: String?
        repeat {
            let lease = try await vantage.lease(tenant)
            let lives = lease?.pid.map { Processes.isWorker($0) && lease?.held ?? false } ?? false
            left = lives ? "a worker of the removed tenant still lives after \((clocks.monotonic() - began).components.seconds) s" : nil
            if left == nil { break }
            await rest(.milliseconds(100))
        } while clocks.monotonic() - began < limit
        // A request that was under way when its worker ended may still be handled.
        await rest(.milliseconds(500))
        let now = try await live()
        known.with { $0.live = now }
        return left
    }

    /// What its ledger took after it was removed, in words.
    func moved() async throws(Fault) -> String? {
        let before = known.with { $0.live }
        let now = try await live()
        return now == before ? nil : "the removed tenant's ledger had \(before) documents when it was removed and has \(now)"
    }

    private func live() async throws(Fault) -> Int { try await call(.get, sandbox + "/_sandbox/live", nil)["qbo"]?.int ?? 0 }

    /// A call to either sandbox; one that is just being started is asked again.
    func call(_ method: HTTPMethod, _ url: String, _ body: JSON?) async throws(Fault) -> JSON {
        var request = HTTPRequest(method, url, body: body?.bytes ?? [])
        if body != nil { request.fields["Content-Type"] = "application/json" }
        for _ in 0 ..< 100 {
            if case .answered(let response) = await client.send(request, timeout: .seconds(60)) {
                guard response.status < 300 else {
                    throw Fault("sandbox_refused", stage: .sandbox, disposition: .reject, summary: "a sandbox answered \(response.status): \(response.bodyText.prefix(300))")
                }
                return try JSON(parsing: response.body)
            }
            await rest(.milliseconds(100))
        }
        throw Fault("sandbox_unreachable", stage: .sandbox, disposition: .retry, summary: "the sandbox at \(url) does not answer", remedy: "Is its port free?")
    }

    private func rest(_ time: Duration) async { do { try await SystemClocks().sleep(for: time) } catch { return } }
}
