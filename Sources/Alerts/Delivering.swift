internal import AlertRules
internal import Crypto
internal import FoundationEssentials
internal import HTTPClient
internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

/// When a message that did not arrive is tried again. Pure.
enum Patience {
    /// Tries of one message, the first included: over seven hours.
    static let triesMost = 16
    static let first = Duration.seconds(5)
    static let most = Duration.seconds(3600)
    /// Of one try; a message that nobody has settled after it may be taken by another.
    static let oneTry = Duration.seconds(30)
    static let claim = Duration.seconds(120)

    static func after(_ attempts: Int) -> Duration {
        var out = first
        for _ in 1 ..< max(1, min(attempts, 20)) where out < most { out = out * 2 }
        return min(out, most)
    }

    static func later(_ delivery: AlertDelivery, _ why: String) -> AlertDeliveryEnd {
        // The next one takes its place in a minute.
        if delivery.purpose == .refreshed { return .later(min(after(delivery.attempts), Routing.refreshEvery), why) }
        // Whoever tests waits for the answer.
        return delivery.purpose == .test || delivery.attempts >= triesMost ? .failed(why) : .later(after(delivery.attempts), why)
    }
}

extension AlertService {
    static let atOnce = 20

    /// Sends what is due; how many messages that were.
    @discardableResult
    func deliver() async throws(Fault) -> Int {
        let due = try await store.claimAlertDeliveries(limit: AlertService.atOnce, for: Patience.claim)
        await withTaskGroup(of: Void.self) { group in
            for delivery in due { group.addTask { await self.deliver(delivery) } }
        }
        return due.count
    }

    /// One try, and what became of it. A crash in between leaves the message to be sent again, under the same id.
    private func deliver(_ delivery: AlertDelivery) async {
        do throws(Fault) {
            let end = try await send(delivery)
            try await store.settle(delivery, end)
            switch end {
            case .delivered: log.info(.alertDelivered, ("route", delivery.route), ("id", delivery.id.uuidString.lowercased()), ("attempts", "\(delivery.attempts)"))
            case .failed(let why), .later(_, let why):
                log.warning(.alertUndelivered, ("route", delivery.route), ("id", delivery.id.uuidString.lowercased()), ("attempts", "\(delivery.attempts)"), ("why", why))
            }
        } catch { log.fault(.failed, error) }
    }

    private func send(_ delivery: AlertDelivery) async throws(Fault) -> AlertDeliveryEnd {
        guard let row = try await store.alertRoute(delivery.owner, delivery.route),
            let route = AlertRoute(name: row.name, kind: row.kind, settings: try JSON(parsing: row.settings)), let receiver = route.receiver
        else { return .failed("the route was removed") }
        var secret: Secret?
        if let sealed = row.secret {
            do throws(Fault) {
                secret = Secret(try configuration.key.open(sealed, context: AlertRoute.context(delivery.owner.id, row.name)))
            } catch { return .failed("the route's secret can't be opened by this host: give it again, or bring secrets/alerts.key here") }
        }
        var delivery = delivery
        if delivery.purpose == .test, delivery.body.isEmpty {
            delivery = Messages(base: configuration.base, from: configuration.mail?.from, now: clocks.now()).test(delivery, route)
            try await store.write(delivery)
        }
        switch receiver {
        case .email(let to, let server, let from, let user):
            guard to.contains(delivery.receiver) else { return .failed("the route leads elsewhere by now") }
            return await mail(delivery, server: server, from: from, user: user, secret)
        case .webhook(let url):
            guard url == delivery.receiver else { return .failed("the route leads elsewhere by now") }
            return await post(delivery, url, signed(delivery, secret))
        case .alertmanager(let url, let user):
            guard url == delivery.receiver else { return .failed("the route leads elsewhere by now") }
            var fields: HTTPFields = ["Content-Type": "application/json"]
            if let user { fields["Authorization"] = "Basic " + Base64.encode(Array("\(user):\(secret?.revealText() ?? "")".utf8)) }
            return await post(delivery, url + "/api/v2/alerts", fields)
        }
    }

    // MARK: Mail

    private func mail(_ delivery: AlertDelivery, server: String?, from: String?, user: String?, _ secret: Secret?) async -> AlertDeliveryEnd {
        let own = configuration.mail
        guard let place = server ?? own?.server, let sender = server == nil ? own?.from : from else {
            return Patience.later(delivery, "the route names no mail server, and the operator has none (secrets/mail.json)")
        }
        let mail = Mail(
            server: place, user: server == nil ? own?.user : user, password: server == nil ? own?.password : secret, from: sender, to: delivery.receiver,
            message: delivery.body)
        switch await client.send(mail, timeout: Patience.oneTry) {
        case .accepted(let said): return .delivered(said)
        case .refused(let code, let said):
            // A login that is refused may be mended at the server; an address that is not there is not tried again.
            return (500 ..< 600).contains(code) && ![530, 534, 535, 538].contains(code) ? .failed(said) : Patience.later(delivery, said)
        case .failed(let fault): return fault.disposition == .reject ? .failed(fault.summary) : Patience.later(delivery, fault.summary)
        }
    }

    // MARK: HTTP

    /// As our own inbound contract signs: HMAC-SHA256 over Unix seconds, a point and the raw body. The time is that of the try.
    func signed(_ delivery: AlertDelivery, _ secret: Secret?) -> HTTPFields {
        var out = signed(delivery.body, secret, attempt: delivery.attempts)
        out["Counterfoil-Delivery"] = delivery.id.uuidString.lowercased()
        return out
    }

    func signed(_ body: [UInt8], _ secret: Secret?, attempt: Int) -> HTTPFields {
        let seconds = "\(clocks.now().seconds)"
        var out: HTTPFields = ["Content-Type": "application/json", "Counterfoil-Attempt": "\(attempt)"]
        if let secret {
            out["Counterfoil-Signature"] = "t=\(seconds),v1=\(HMAC.sha256(key: secret.reveal(), Array("\(seconds).".utf8) + body).hexText)"
        }
        return out
    }

    private func post(_ delivery: AlertDelivery, _ url: String, _ fields: HTTPFields) async -> AlertDeliveryEnd {
        switch await client.send(HTTPRequest(.post, url, fields: fields, body: delivery.body), timeout: Patience.oneTry) {
        case .answered(let response) where (200 ..< 300).contains(response.status): return .delivered("\(response.status)")
        // Gone, by its own word.
        case .answered(let response) where response.status == 410: return .failed("410: the receiver is gone")
        case .answered(let response): return Patience.later(delivery, "the receiver answered \(response.status)")
        case .notSent(let fault), .unknown(let fault): return Patience.later(delivery, fault.summary)
        }
    }
}
