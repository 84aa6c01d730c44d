import FoundationEssentials
import Kernel
import Testing
import TwinKit
import Wire

@testable import Sandbox

@Suite("The day's player")
struct DayPlayerTests {
    private struct Rig {
        let folder = TemporaryFolder()
        let journal = TwinJournal()
        let clocks = ManualClocks(Timestamp(seconds: 1_794_700_000))

        /// A player as a fresh process would make it from what is on the disk.
        func start(_ sender: ScriptedSender) throws -> (player: DayPlayer, twin: ShopifyTwin) {
            let twin = try ShopifyTwin(journal: TwinJournal())
            let clocks = self.clocks
            let player = try DayPlayer(
                folder: folder.path, journal: journal, shopify: twin, clocks: clocks, sender: { _ in sender },
                pause: { clocks.advance(by: $0) })
            return (player, twin)
        }

        func play(_ player: DayPlayer, _ until: DayState.Until) async throws {
            try player.play(until: until, webhookBase: "http://127.0.0.1:8080")
            try await player.playOn()
        }
    }

    private func orders(_ twin: ShopifyTwin) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for shop in ["prairie-goods", "thames-pottery"] {
            let target = "/\(shop)/admin/api/2026-10/orders.json?status=any&limit=250"
            let request = HTTPRequest(.get, target, fields: ["X-Shopify-Access-Token": "shpat_sandbox_\(shop)"])
            bytes += twin.respond(request, at: Timestamp(seconds: 1_794_700_000)).body
        }
        return bytes
    }

    @Test("noon stops after the morning's events with everything delivered; the end plays the rest")
    func phases() async throws {
        let rig = Rig()
        let sender = ScriptedSender()
        let (player, twin) = try rig.start(sender)
        #expect(player.progress()["phase"]?.string == "idle")
        _ = try player.prepare(seed: 11, orders: 100)
        #expect(player.progress()["phase"]?.string == "prepared")
        try await rig.play(player, .noon)
        let noon = player.progress()
        #expect(noon["phase"]?.string == "noon")
        #expect(noon["undelivered"]?.int == 0)
        let sentAtNoon = sender.sent.with { $0.count }
        for request in sender.sent.with({ $0 }) {
            let at = try #require(Timestamp(rfc3339: request.fields["X-Shopify-Triggered-At"] ?? ""))
            let shop = try #require(
                twin.shop(request.target.hasSuffix("prairie-goods") ? "prairie-goods" : "thames-pottery"))
            #expect(shop.zone.secondOfDay(at: at) < DayFacts.noon)
        }
        try await rig.play(player, .end)
        #expect(player.progress()["phase"]?.string == "end")
        #expect(player.progress()["sent"]?.int == player.progress()["total"]?.int)
        #expect(sender.sent.with { $0.count } > sentAtNoon)
    }

    @Test("some webhooks are lost, some come twice with one id, and some are overtaken")
    func fates() async throws {
        let rig = Rig()
        let sender = ScriptedSender()
        let (player, twin) = try rig.start(sender)
        _ = try player.prepare(seed: 11, orders: 500)
        try await rig.play(player, .end)
        let sent = sender.sent.with { $0 }
        let ids = sent.compactMap { $0.fields["X-Shopify-Webhook-Id"] }
        let lost = try #require(player.progress()["webhooks_lost"]?.int)
        let distinct = Set(ids).count
        #expect((5...80).contains(lost))
        #expect(ids.count - distinct > 5)
        #expect(player.progress()["webhooks_sent"]?.int == ids.count)
        // Every webhook the shops' events called for was sent or is counted as lost.
        let again = try ShopifyTwin(journal: TwinJournal())
        let all = try DayGenerator(seed: 11, orders: 500).day().flatMap(\.events).flatMap { again.apply($0) }
        #expect(distinct + lost == all.count)
        #expect(try orders(twin).count > 100_000)
        let garden = try DayGenerator(seed: 11, orders: 500).day().filter { $0.role == .garden }
        for order in garden {
            let wanted = Set(
                all.filter { String(decoding: $0.body, as: UTF8.self).contains("\(order.order.id)") }.map(\.id))
            #expect(wanted.isSubset(of: Set(ids)))
        }
    }

    @Test("a webhook is sent again until it is acknowledged, always with the same id and body")
    func retries() async throws {
        let rig = Rig()
        let sender = ScriptedSender(refusals: 3)
        let (player, _) = try rig.start(sender)
        _ = try player.prepare(seed: 11, orders: 40)
        let before = rig.clocks.monotonic()
        try await rig.play(player, .end)
        var bodies: [String: Set<[UInt8]>] = [:]
        var counts: [String: Int] = [:]
        for request in sender.sent.with({ $0 }) {
            let id = request.fields["X-Shopify-Webhook-Id"] ?? ""
            bodies[id, default: []].insert(request.body)
            counts[id, default: 0] += 1
        }
        #expect(bodies.values.allSatisfy { $0.count == 1 })
        #expect(counts.values.allSatisfy { $0 >= 4 })
        #expect(player.progress()["undelivered"]?.int == 0)
        #expect(rig.clocks.monotonic() - before >= .milliseconds(250 + 500 + 1000))
    }

    @Test("a sandbox killed in the middle answers as before and sends what was not acknowledged")
    func restart() async throws {
        let rig = Rig()
        let first = ScriptedSender()
        let (player, twin) = try rig.start(first)
        _ = try player.prepare(seed: 23, orders: 100)
        try await rig.play(player, .noon)
        let answers = try orders(twin)
        let second = ScriptedSender()
        let (again, twinAgain) = try rig.start(second)
        #expect(try orders(twinAgain) == answers)
        #expect(again.progress() == player.progress())
        try await again.playOn()
        #expect(second.sent.with { $0.isEmpty })
        try await rig.play(again, .end)
        // A straight run of the same day ends alike.
        let straightRig = Rig()
        let straight = ScriptedSender()
        let (whole, wholeTwin) = try straightRig.start(straight)
        _ = try whole.prepare(seed: 23, orders: 100)
        try await straightRig.play(whole, .end)
        func ids(_ senders: [ScriptedSender]) -> Set<String> {
            Set(senders.flatMap { $0.sent.with { $0 } }.compactMap { $0.fields["X-Shopify-Webhook-Id"] })
        }
        #expect(ids([first, second]) == ids([straight]))
        #expect(try orders(twinAgain) == orders(wholeTwin))
    }

    @Test("a kill between an acknowledgement and its record sends that webhook once more, and no webhook is forgotten")
    func killedBeforeRecord() async throws {
        let rig = Rig()
        let first = ScriptedSender()
        let (player, _) = try rig.start(first)
        _ = try player.prepare(seed: 29, orders: 60)
        try await rig.play(player, .end)
        var records: [JSON] = []
        try rig.journal.replay { records.append($0) }
        let lastAcknowledgement = try #require(records.lastIndex { $0["t"] == "acknowledged" })
        let forgotten = (records.remove(at: lastAcknowledgement)["ids"]?.array ?? []).compactMap(\.string)
        let second = ScriptedSender()
        let twin = try ShopifyTwin(journal: TwinJournal())
        let clocks = rig.clocks
        let again = try DayPlayer(
            folder: rig.folder.path, journal: TwinJournal(inMemory: records), shopify: twin, clocks: clocks,
            sender: { _ in second },
            pause: { clocks.advance(by: $0) })
        #expect(again.progress()["phase"]?.string == "playing")
        try await again.playOn()
        let resent = second.sent.with { $0 }.compactMap { $0.fields["X-Shopify-Webhook-Id"] }
        #expect(Set(resent) == Set(forgotten.map { String($0.prefix(36)) }))
        #expect(!resent.isEmpty)
    }

    @Test("what the day must lead to is written before anything is played, and preparing again changes nothing")
    func prepared() throws {
        let rig = Rig()
        let (player, twin) = try rig.start(ScriptedSender())
        let summary = try player.prepare(seed: 11, orders: 100)
        let path = rig.folder.path + "/expected-prairie-goods.jsonl"
        let bytes = try #require(try SandboxFile.read(path))
        let count = bytes.split(separator: 10).count
        #expect(summary.member("expected", "prairie-goods")?.int == count)
        #expect(try orders(twin).count < 100)
        #expect(try player.prepare(seed: 11, orders: 100) == summary)
        #expect(try SandboxFile.read(path) == bytes)
        _ = try player.prepare(seed: 12, orders: 100)
        #expect(try SandboxFile.read(path) != bytes)
        try player.play(until: .noon, webhookBase: "http://127.0.0.1:8080")
        let fault = #expect(throws: Fault.self) { _ = try player.prepare(seed: 13, orders: 100) }
        #expect(fault?.code == "day_already_prepared")
    }

    @Test("a shop's own address receives its webhooks, the base address those of the other")
    func subscriptions() async throws {
        let rig = Rig()
        let sender = ScriptedSender()
        let (player, _) = try rig.start(sender)
        _ = try player.prepare(seed: 11, orders: 40)
        try player.subscribe(shop: "prairie-goods", url: "http://127.0.0.1:9000/hooks/7f3c")
        let (again, _) = try rig.start(sender)
        try await rig.play(again, .end)
        let targets = Set(sender.sent.with { $0 }.map(\.target))
        #expect(targets == ["http://127.0.0.1:9000/hooks/7f3c", "http://127.0.0.1:8080/hooks/shopify/thames-pottery"])
    }

    @Test(
        "addresses that are not plain web addresses are refused",
        arguments: [
            ("http://127.0.0.1:8080/x", "127.0.0.1:8080"), ("https://a.example/x", "a.example:443"),
            ("http://[::1]:9/x", "[::1]:9"),
            ("ftp://a", nil), ("http://u@a", nil), ("http:/a", nil), ("", nil), ("http://", nil),
        ] as [(String, String?)])
    func hosts(url: String, host: String?) { #expect(NetworkWebhookSender.host(of: url) == host) }
}
