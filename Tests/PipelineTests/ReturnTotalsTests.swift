import Kernel
@testable import Pipeline
import Store
import TestKit
import Testing

private func figure(_ id: String, _ money: Int64, refunds: [String] = [], state: String = "closed", credit: Int64 = 0, isFresh: Bool = false) -> ReturnFigureRow {
    ReturnFigureRow(
        id: "return:\(id)", state: state, settledAt: at("2026-11-03T12:00:00Z"), currency: "USD", moneyMinor: money, creditMinor: credit, refunds: refunds,
        isFresh: isFresh)
}

private let flow: FlowID = SystemRandom().identifier()

private func booked(_ source: String, _ minor: Int64, _ state: String = "confirmed", why: String = "") -> PostingAmount {
    PostingAmount(side: "money_back", sourceID: source, state: state, minor: -minor, why: why, day: LocalDate(daysSince1970: 20_760), currency: "USD")
}

private func prove(_ figures: [ReturnFigureRow], _ refunds: [ShopRefund] = [], _ postings: [PostingAmount] = [], cutOver: LocalDate? = nil) -> [Reconcile.Proof] {
    ReturnTotals.prove(figures, refunds, postings, cutOver: cutOver) { Zone.utc.date(of: $0) }
}

@Suite("Totals of a returns system, shop and books") struct ReturnTotalsTests {
    @Test("a list of returns that takes long is read again later, and takes a quarter of the time at most; a short one is read as often as it must be")
    func pause() {
        #expect(Pipeline.figuresPause(took: .seconds(2), isAwaited: false) == .seconds(30) && Pipeline.figuresPause(took: .seconds(2), isAwaited: true) == .seconds(15))
        #expect(Pipeline.figuresPause(took: .seconds(30), isAwaited: true) == .seconds(90))
        #expect(Pipeline.figuresPause(took: .seconds(900), isAwaited: false) == .seconds(600), "however long it takes")
    }

    @Test("sums that agree prove, whether the shop owns the money or the returns system does")
    func agreed() throws {
        let own = prove([figure("7", 4_200)], [], [booked("return:7", 4_200)])
        #expect(own.map(\.unexplained) == [0] && own.map(\.source) == [4_200] && own.map(\.posted) == [4_200] && own.map(\.account) == ["returns:closed"])
        let shops = prove([figure("7", 4_200, refunds: ["R-1"])], [ShopRefund(id: "R-1", currency: "USD", minor: 4_200)], [booked("R-1", 4_200)])
        #expect(shops.allSatisfy { $0.unexplained == 0 && $0.items.isEmpty })
        let credit = prove([figure("7", 0, refunds: ["R-1"], credit: 900)], [ShopRefund(id: "R-1", currency: "USD", minor: 0)], [booked("return:7", 900)])
        #expect(credit.map(\.unexplained) == [0], "shops tell of store credit, or do not")
        let nameless = prove(
            [figure("7", 4_200)], [ShopRefund(id: "R-1", currency: "USD", minor: 4_200, returns: ["return:7"])], [booked("R-1", 4_200)])
        #expect(nameless.map(\.unexplained) == [0], "the credit note says which refund it explains")
    }

    @Test("each side's difference is unexplained, by name and with both sums")
    func differing() throws {
        let shops = try #require(prove([figure("7", 4_200, refunds: ["R-1"])], [ShopRefund(id: "R-1", currency: "USD", minor: 4_100)], [booked("R-1", 4_200)]).first)
        #expect(shops.unexplained == 100 && shops.items.map(\.document) == ["return:7"] && shops.items[0].why.contains("the shop gave 41"))
        let missing = try #require(prove([figure("7", 4_200)]).first)
        #expect(missing.unexplained == 4_200 && missing.items[0].why.contains("the books have"))
        let twice = try #require(prove([figure("7", 4_200, refunds: ["R-1"])], [], [booked("return:7", 4_200), booked("R-1", 4_200)]).first)
        #expect(twice.unexplained == 4_200, "a refund that is booked twice")
        let undone = try #require(prove([figure("7", 0, state: "cancelled")], [], [booked("return:7", 4_200)]).first)
        #expect(undone.unexplained == 4_200 && undone.account == "returns:cancelled")
        let alert = try #require(ReturnTotals.alert([shops, missing], flow))
        #expect(alert.cause.contains("2026-11-03") && alert.cause.contains("43") && alert.severity == .critical)
        #expect(ReturnTotals.alert(prove([figure("7", 4_200)], [], [booked("return:7", 4_200)]), flow) == nil)
    }

    @Test("what is held, told just now or before the cut-over is open by name, and nothing else is")
    func open() throws {
        let held = try #require(prove([figure("7", 4_200)], [], [booked("return:7", 4_200, "held", why: "unmapped_code")]).first)
        #expect(held.unexplained == 0 && held.open == 4_200 && held.items.map(\.why) == ["unmapped_code"])
        let fresh = try #require(prove([figure("7", 4_200, isFresh: true)]).first)
        #expect(fresh.unexplained == 0 && fresh.items.map(\.why) == ["told just now"])
        let before = try #require(prove([figure("7", 4_200)], cutOver: LocalDate(daysSince1970: 20_800)).first)
        #expect(before.unexplained == 0 && before.items.map(\.why) == ["before the cut-over"])
        let voided = try #require(prove([figure("7", 4_200)], [], [booked("return:7", 4_200, "voided")]).first)
        #expect(voided.unexplained == 4_200)
    }

    @Test("a difference for which the shop's refund is held, to the cent, is that posting's; a cent more is unexplained") func held() throws {
        var note = PostingAmount(side: "refund", sourceID: "R-1", state: "held", minor: -4_100, why: "unbalanced", day: LocalDate(daysSince1970: 20_760), currency: "USD")
        note.gaps = [.init(stated: 4_200, instead: 4_100)]
        let shop = [ShopRefund(id: "R-1", currency: "USD", minor: 4_200)], money = booked("R-1", 4_200)
        let told = try #require(prove([figure("7", 4_100, refunds: ["R-1"])], shop, [money, note]).first)
        #expect(told.unexplained == 0 && told.open == -100 && told.items.map(\.why) == ["unbalanced"])
        #expect(try #require(prove([figure("7", 4_099, refunds: ["R-1"])], shop, [money, note]).first).unexplained == 101)
        #expect(try #require(prove([figure("7", 4_100, refunds: ["R-1"])], shop, [booked("R-1", 4_199), note]).first).unexplained == 199, "what the books have is another thing")
        note.state = "confirmed"
        #expect(try #require(prove([figure("7", 4_100, refunds: ["R-1"])], shop, [money, note]).first).unexplained == 100)
    }

    @Test("a return that was not read, beside one that was, is compared as its document says it; by itself it makes no proof") func beside() throws {
        func prove(_ other: ReturnFigureRow) -> [Reconcile.Proof] {
            ReturnTotals.prove(
                [figure("7", 4_200, refunds: ["R-1"])], [ShopRefund(id: "R-1", currency: "USD", minor: 5_000)], [booked("R-1", 5_000)], beside: [other], cutOver: nil
            ) { Zone.utc.date(of: $0) }
        }
        let shared = prove(figure("8", 800, refunds: ["R-1"]))
        #expect(shared.map(\.unexplained) == [0] && shared.map(\.source) == [5_000])
        #expect(prove(figure("8", 800, refunds: ["R-8"])).map(\.unexplained) == [800], "another refund's: this one differs from shop and books")
    }

    @Test("returns that share a refund are compared with it together, and no open one makes a proof")
    func shared() throws {
        let both = [figure("7", 4_200, refunds: ["R-1"]), figure("8", 800, refunds: ["R-1"]), figure("9", 0, refunds: ["R-9"], state: "open")]
        let proofs = prove(both, [ShopRefund(id: "R-1", currency: "USD", minor: 5_000)], [booked("R-1", 5_000)])
        #expect(proofs.count == 1 && proofs[0].unexplained == 0 && proofs[0].source == 5_000)
    }
}
