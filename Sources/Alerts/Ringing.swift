internal import Crypto
internal import HTTPClient
internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

/// Tells sources that fetch their list that there is more of it: docs/inbound.md. What is sent says from which place on, never what stands there, so one that
/// gets lost is made good by the next, and one that comes twice does no harm.
extension AlertService {
    /// Between two tries of a bell that nobody hears.
    private static let ringMost = Duration.seconds(300)

    /// Rings what is due; how many bells that were.
    @discardableResult
    func ring() async throws(Fault) -> Int {
        let due = try await store.claimBells(limit: AlertService.atOnce, for: Patience.claim)
        await withTaskGroup(of: Void.self) { group in
            for bell in due { group.addTask { await self.ring(bell) } }
        }
        return due.count
    }

    private func ring(_ bell: ReflectionBell) async {
        do throws(Fault) {
            let why = try await send(bell)
            let again = why == nil ? nil : min(Patience.after(bell.attempts), AlertService.ringMost)
            try await store.settle(bell, again: again, outcome: why ?? "heard")
            guard let why else { return log.info(.reflectionRung, ("connection", bell.connection.description), ("seq", "\(bell.newest)")) }
            log.warning(.reflectionUnheard, ("connection", bell.connection.description), ("attempts", "\(bell.attempts)"), ("why", why))
        } catch { log.fault(.failed, error) }
    }

    /// Why it was not heard; `nil` when it was.
    private func send(_ bell: ReflectionBell) async throws(Fault) -> String? {
        let secret: Secret
        do throws(Fault) {
            secret = Secret(try configuration.key.open(bell.secret, context: ReflectionBell.context(bell.tenant, bell.connection)))
        } catch { return "the secret can't be opened by this host: give it again, or bring secrets/alerts.key here" }
        let body = AlertService.body(of: bell, base: configuration.base, at: clocks.now()).bytes
        let fields = signed(body, secret, attempt: bell.attempts)
        switch await client.send(HTTPRequest(.post, bell.url, fields: fields, body: body), timeout: Patience.oneTry) {
        case .answered(let response) where (200 ..< 300).contains(response.status): return nil
        case .answered(let response): return "the receiver answered \(response.status)"
        case .notSent(let fault), .unknown(let fault): return fault.summary
        }
    }

    static func body(of bell: ReflectionBell, base: String, at now: Timestamp) -> JSON {
        [
            "type": "reflections.available", "at": .string(now.description), "tenant": .string(bell.tenant.description),
            "connection": .string(bell.connection.description), "after": .number("\(bell.after)"), "newest": .number("\(bell.newest)"),
            "url": .string("\(base)/v1/connections/\(bell.connection)/reflections?after=\(bell.after)"),
        ]
    }
}
