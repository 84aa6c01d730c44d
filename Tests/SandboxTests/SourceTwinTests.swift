import Kernel
import Testing
import TwinKit
import TwinStripe
import Wire

@testable import Sandbox

/// A receiver that answers as it is told, and says when it has heard enough.
private final class ToldSender: WebhookSender {
    let sent = Locked<[HTTPRequest]>([])
    let done: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation
    private let wanted: Int
    private let answer: @Sendable (Int) -> Int?

    /// - answer: to the n-th request, from 1.
    init(wanted: Int, answer: @escaping @Sendable (Int) -> Int? = { _ in 200 }) {
        self.wanted = wanted
        self.answer = answer
        (done, signal) = AsyncStream<Void>.makeStream()
    }

    func send(_ request: HTTPRequest) async -> Int? {
        let n = sent.with { list in
            list.append(request)
            return list.count
        }
        if n == wanted { signal.finish() }
        return answer(n)
    }

    func close() async {}
}

@Suite("Sources that live by themselves")
struct SourceTwinTests {
    private let clocks = ManualClocks(Timestamp(seconds: 1_794_700_000))

    private func service(_ sender: ToldSender) throws -> SandboxService {
        let shopify = try ShopifyTwin(journal: TwinJournal())
        let stripe = try StripeTwin(journal: TwinJournal(), retries: .rehearsal, random: SeededRandom(seed: 4))
        let clocks = clocks
        let player = try DayPlayer(
            folder: "/nowhere", journal: TwinJournal(), shopify: shopify, clocks: clocks, sender: { _ in sender }, pause: { _ in })
        return try SandboxService(
            folder: "/nowhere", twins: [shopify, stripe], player: player, journal: TwinJournal(), clocks: clocks, sender: { _ in sender },
            pause: { clocks.advance(by: $0) })
    }

    private func control(_ service: SandboxService, _ path: String, _ body: JSON, status: Int = 200) async throws -> JSON {
        let reply = try #require(await service.respond(HTTPRequest(.post, "/_sandbox" + path, body: body.bytes)))
        #expect(reply.status == status, "\(reply.bodyText)")
        return try JSON(parsing: reply.body)
    }

    private func subscribe(_ service: SandboxService) async throws {
        let form = Form.encode([("url", "http://127.0.0.1:9/hooks"), ("enabled_events[]", "charge.succeeded")])
        let fields: HTTPFields = ["Authorization": "Bearer sk_test_51PrairieGoods", "Content-Type": "application/x-www-form-urlencoded"]
        let made = await service.respond(HTTPRequest(.post, "/stripe/v1/webhook_endpoints", fields: fields, body: Array(form.utf8)))
        #expect(made?.status == 200)
    }

    /// Runs the courier until the sender has heard what it waits for.
    private func carry(_ service: SandboxService, _ sender: ToldSender) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.courier.run() }
            for await _ in sender.done {}
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func types(_ sender: ToldSender) throws -> [String] {
        try sender.sent.with { $0 }.map { try JSON(parsing: $0.body)["type"]?.string ?? "" }
    }

    private let payment: JSON = ["do": "pays", "account": "acct_1PrairieGoods", "amount": 6689, "currency": "usd"]

    @Test("what happens in a source's world goes out as a webhook, and again until it is taken")
    func carries() async throws {
        let sender = ToldSender(wanted: 3) { $0 < 3 ? 500 : 200 }
        let service = try service(sender)
        try await subscribe(service)
        let paid = try await control(service, "/stripe/happen", payment)
        #expect(paid["charge"]?.string?.hasPrefix("ch_") == true)
        try await carry(service, sender)
        let bodies = sender.sent.with { $0.map(\.body) }
        #expect(try types(sender) == ["charge.succeeded", "charge.succeeded", "charge.succeeded"])
        #expect(Set(bodies).count == 1)
        #expect(sender.sent.with { $0.first?.target } == "http://127.0.0.1:9/hooks")
    }

    @Test("the money that must be there is told by day, currency and kind")
    func money() async throws {
        let service = try service(ToldSender(wanted: 1))
        _ = try await control(service, "/stripe/happen", payment.setting("at", 1_794_650_000))
        let reply = try #require(await service.respond(HTTPRequest(.get, "/_sandbox/money?source=stripe")))
        let rows = try #require(try JSON(parsing: reply.body)["money"]?.array)
        #expect(rows.map { $0["kind"]?.string } == ["charge", "fee"])
        #expect(rows.map { $0["minor"]?.int } == [6689, -224])
        #expect(rows.allSatisfy { $0["day"]?.string == "2026-11-14" && $0["currency"]?.string == "USD" })
    }

    @Test("a lost webhook is never sent though the twin believes so, a duplicated one is sent twice")
    func faults() async throws {
        let sender = ToldSender(wanted: 2)
        let service = try service(sender)
        try await subscribe(service)
        _ = try await control(service, "/faults", ["twins": ["stripe": ["duplicated_webhook_per_mille": 1000]]])
        _ = try await control(service, "/stripe/happen", payment)
        try await carry(service, sender)
        #expect(sender.sent.with { $0.count } == 2)
        #expect(Set(sender.sent.with { $0.map(\.body) }).count == 1)
        let plan = try FaultPlan(["twins": ["stripe": ["lost_webhook_per_mille": 1000]]], known: ["stripe"])
        #expect(plan.drawWebhook("stripe") == .lost)
        #expect(plan.draw("stripe").fault == .none)
        #expect(try FaultPlan(["twins": ["stripe": ["late_webhook_per_mille": 1000]]], known: ["stripe"]).drawWebhook("stripe") == .late)
        let tooMuch: JSON = ["twins": ["stripe": ["late_webhook_per_mille": 600, "lost_webhook_per_mille": 600]]]
        #expect(try await control(service, "/faults", tooMuch, status: 400).member("error", "position")?.string == "twins.stripe")
    }

    @Test("a source that is none, and a happening that is none, are refused in words")
    func refusals() async throws {
        let service = try service(ToldSender(wanted: 1))
        #expect(try await control(service, "/magento/happen", payment, status: 404).member("error", "code")?.string == "unknown_source")
        #expect(try await control(service, "/shopify/happen", payment, status: 404).member("error", "code")?.string == "unknown_shop")
        #expect(try await control(service, "/stripe/happen", ["do": "rains"], status: 400).member("error", "position")?.string == "do")
        let reply = await service.respond(HTTPRequest(.get, "/_sandbox/money?source=none"))
        #expect(reply?.status == 404)
    }
}
