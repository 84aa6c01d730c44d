import Books
import ConnectorKit
import Kernel
import Mapping
import Shopify
import Testing
import Wire

@testable import Sandbox

/// One after the other: each keeps a core busy.
@Suite("The demonstration's day, from webhooks to plans", .serialized) struct WholeDayTests {
    static let fresh = UInt64.random(in: 100...1_000_000)
    static let seeds: [UInt64] = [1, 7, 42, fresh]

    @Test("every webhook as it happens leads to exactly the expected books", arguments: seeds)
    func inOrder(seed: UInt64) async throws { try await day(seed: seed, orders: 500) }

    @Test("a day of three thousand orders leads to exactly the expected books")
    func large() async throws { try await day(seed: 11, orders: 3000) }

    /// Takes in each webhook right after its event, posts at noon with the garden account active and at the end
    /// without it, and compares both ledgers with the generator's own account of the day.
    private func day(seed: UInt64, orders: Int) async throws {
        let front = try ShopFront(seed: seed, orders: orders)
        var office = Office(front.businesses)
        let desk = try ReturnsCounter(front.generator, front.days)
        try office.take(try desk.documents(of: front.business("thames-pottery")), front.business("thames-pottery"))
        var morning = true
        try await front.play { event in
            if morning, !event.beforeNoon {
                morning = false
                _ = try office.post(gardenActive: true)
            }
            let business = try front.business(event.order.shop)
            for webhook in event.webhooks { try office.take(try front.read(webhook), business) }
        }
        let held = try office.post(gardenActive: false)
        try compare(office, held, front, "seed \(seed)")
    }

    private func compare(
        _ office: Office, _ held: [(ledger: String, plan: PlannedPosting, checks: [String])], _ front: ShopFront,
        _ label: String
    ) throws {
        var found: [String: ExpectedEntry] = [:]
        func add(_ entry: ExpectedEntry) {
            #expect(found["\(entry.ledger) \(entry.kind) \(entry.ref)"] == nil, "\(label): \(entry.ref) twice")
            found["\(entry.ledger) \(entry.kind) \(entry.ref)"] = entry
        }
        for (shop, business) in front.businesses {
            for plan in office.live(shop) { add(plan.entry(business, effect: .posted, check: nil)) }
        }
        for item in held {
            let business = try #require(front.businesses.values.first { $0.isAmerican == (item.ledger == "qbo") })
            add(item.plan.entry(business, effect: .held, check: item.checks.joined(separator: "+")))
        }
        var wrong = 0
        for day in front.days {
            for entry in ExpectedBooks(day, shop: try front.shop(day.shop)).entries() {
                let key = "\(entry.ledger) \(entry.kind) \(entry.ref)"
                let there = found.removeValue(forKey: key)
                guard there != (entry.effect == .none ? nil : entry) else { continue }
                wrong += 1
                if wrong <= 12 {
                    Issue.record(
                        "\(label): \(day.role) wants \(entry.json.text), has \(there.map(\.json.text) ?? "nothing")")
                }
            }
        }
        for (_, entry) in found.sorted(by: { $0.key < $1.key }).prefix(12) {
            Issue.record("\(label): nobody expects \(entry.json.text)")
        }
        #expect(wrong == 0, "\(label)")
        #expect(found.isEmpty, "\(label)")
    }

    @Test("shuffled, duplicated, late or only fetched: the plans are the same", arguments: [7, WholeDayTests.fresh])
    func anyOrder(seed: UInt64) async throws {
        let front = try ShopFront(seed: seed, orders: 250)
        var live = Office(front.businesses)
        var all: [ShopWebhook] = []
        try await front.play { event in
            all += event.webhooks
            let business = try front.business(event.order.shop)
            for webhook in event.webhooks { try live.take(try front.read(webhook), business) }
        }
        let dice = Dice(seed: seed, stream: 9)
        var shuffled = Office(front.businesses)
        for webhook in dice.shuffled(all + all.filter { _ in dice.perMille(300) }) {
            await Task.yield()
            try shuffled.take(try front.read(webhook), try front.business(webhook.shop))
        }
        var fetched = Office(front.businesses)
        for day in front.days {
            await Task.yield()
            let business = try front.business(day.shop)
            try fetched.take(try front.fetch(String(day.order.id), business), business)
        }
        for shop in front.businesses.keys {
            let plans = try live.plans(shop)
            #expect(plans.count > 200)
            same(plans, try shuffled.plans(shop), "seed \(seed), \(shop), shuffled")
            same(plans, try fetched.plans(shop), "seed \(seed), \(shop), fetched")
        }
    }

    private func same(_ a: [PlannedPosting], _ b: [PlannedPosting], _ label: String) {
        #expect(a.count == b.count, "\(label)")
        let differing = zip(a, b).filter { $0 != $1 }
        #expect(differing.isEmpty, "\(label)")
        for (one, other) in differing.prefix(3) { Issue.record("\(label): \(one) is not \(other)") }
    }

    @Test("after a day taken in whole, a sweep lists nothing unknown", arguments: [1, WholeDayTests.fresh])
    func sweepIsQuiet(seed: UInt64) async throws {
        let front = try ShopFront(seed: seed, orders: 500)
        var office = Office(front.businesses)
        for webhook in try await front.webhooks() {
            await Task.yield()
            try office.take(try front.read(webhook), try front.business(webhook.shop))
        }
        for (shop, business) in front.businesses {
            let orders = front.days.filter { $0.shop == shop }.count
            let before = front.calls
            let page = try front.sweep(business)
            #expect(front.calls - before <= orders / 27 + 1)
            #expect(page.records.isEmpty)
            #expect(page.listed.count == orders)
            let unknown = page.listed.flatMap(\.parts).filter {
                !(office.known[shop]?.contains("\($0.kind) \($0.id)") ?? false)
            }
            #expect(unknown.isEmpty, "seed \(seed): \(unknown.prefix(5))")
        }
    }

    @Test("whatever webhooks are lost, a sweep and its fetches make up for them", arguments: [42, WholeDayTests.fresh])
    func lostWebhooks(seed: UInt64) async throws {
        let front = try ShopFront(seed: seed, orders: 250)
        let all = try await front.webhooks()
        var whole = Office(front.businesses)
        for webhook in all {
            await Task.yield()
            try whole.take(try front.read(webhook), try front.business(webhook.shop))
        }
        let dice = Dice(seed: seed, stream: 10)
        var office = Office(front.businesses)
        for webhook in all where !dice.perMille(300) {
            await Task.yield()
            try office.take(try front.read(webhook), try front.business(webhook.shop))
        }
        for (shop, business) in front.businesses {
            #expect(try office.plans(shop) != whole.plans(shop))
            let known = office.known[shop] ?? []
            for item in try front.sweep(business).listed
            where item.parts.contains(where: { !known.contains("\($0.kind) \($0.id)") }) {
                try office.take(try front.fetch(item.id, business), business)
            }
            same(try whole.plans(shop), try office.plans(shop), "seed \(seed), \(shop), lost")
        }
    }
}
