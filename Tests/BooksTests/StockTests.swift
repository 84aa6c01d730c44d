import Books
import Kernel
import Testing

private func stock(_ id: String, _ time: Timestamp, _ kind: StockMovement.Kind, _ lines: [(String, Int, Int64?)] = [], of: String? = nil, amount: Int64? = nil)
    -> SourceDocument
{
    SourceDocument(
        id: id, caseID: id, version: 1, at: time,
        body: .stock(
            StockMovement(
                kind: kind, currency: .usd,
                lines: lines.enumerated().map {
                    StockMovement.Line(id: "G\($0.offset)", sku: $0.element.0, quantity: ExactDecimal($0.element.1), value: $0.element.2.map(usd))
                }, receipt: of, amount: amount.map(usd))))
}

private func sold(_ id: String, _ time: Timestamp, _ units: Int, sku: String = "CUP") -> SourceDocument {
    let amount = usd(Int64(units) * 900)
    let line = SaleLine(
        id: "L1", sku: sku, title: "Cup", group: "cups", quantity: ExactDecimal(units), gross: amount, discount: usd(0), net: amount, taxes: [])
    return SourceDocument(
        id: id, caseID: id, version: 1, at: time,
        body: .sale(Sale(number: id, source: "shop", currency: .usd, taxIncluded: false, lines: [line], total: amount)))
}

private func back(_ id: String, of order: String, _ time: Timestamp, _ units: [(Int, String)]) -> SourceDocument {
    SourceDocument(
        id: id, caseID: order, version: 1, at: time,
        body: .goodsReturn(
            GoodsReturn(
                state: "closed", refundRef: "R-\(id)",
                lines: units.enumerated().map {
                    ReturnedLine(line: "L1", quantity: ExactDecimal($0.element.0), reasonCode: nil, disposition: $0.element.1, id: "U\($0.offset)")
                }, fees: [])))
}

private func hour(_ n: Int64) -> Timestamp { Timestamp(seconds: 1_793_000_000 + n * 3_600) }

private func kept(
    _ documents: [SourceDocument], _ inventory: Policies.Inventory, reorder: [ReorderPoint] = [], revenue: Policies.Revenue = .atOrder
) -> StockPlan {
    var policies = Policies()
    policies.inventory = inventory
    policies.revenue = revenue
    let sales = Dictionary(grouping: documents, by: \.caseID).values.flatMap { documents in
        Planner.plan(
            OrderCase(id: documents[0].caseID, documents), organisation: shopUS, policies: policies, ledger: LedgerState(), codes: CodeBook())
    }
    return StockPlan(documents, sales: sales, organisation: shopUS, policies: policies, ledger: LedgerState(), reorder: reorder)
}

@Suite("Stock and what it cost")
struct StockTests {
    @Test("an average is never rounded before use; layers go out from the oldest")
    func costs() {
        let documents = [
            stock("A", hour(0), .receipt, [("CUP", 3, 1_000)]), stock("B", hour(1), .receipt, [("CUP", 3, 1_301)]), sold("O", hour(2), 4),
        ]
        #expect(kept(documents, .movingAverage).costs == ["O/L1": usd(1_534)])
        #expect(kept(documents, .fifo).costs == ["O/L1": usd(1_434)])
        #expect(kept(documents, .none).postings.isEmpty)
    }

    @Test("units come back at the cost of their sale, not at today's; torn ones never enter stock")
    func returned() {
        let documents = [
            stock("A", hour(0), .receipt, [("CUP", 3, 1_000)]), sold("O", hour(1), 3), stock("B", hour(2), .receipt, [("CUP", 1, 9_000)]),
            back("T", of: "O", hour(3), [(1, "restock"), (1, "write_off")]),
        ]
        let plan = kept(documents, .movingAverage)
        let journal = plan.postings.first { $0.subject == "T/cost" }
        #expect(sums(journal) == ["inventory": 333, "write_off": 334, "cogs": -667])
        #expect(plan.onHand == [.init(sku: "CUP", quantity: ExactDecimal(2), value: usd(9_333))])
    }

    @Test(
        "goods that both shop and returns system tell of come back once, by whichever name; what the return does not say of them is the shop's to say",
        arguments: ["ref", "movement", "alike", "silent"])
    func once(by: String) {
        let given = RefundLine(line: "L1", quantity: .one, net: usd(900), taxes: [], restocked: true)
        let refund = Refund(
            currency: .usd, taxIncluded: false, lines: [given], total: usd(900),
            transactions: [MoneyMovement(id: "T1", gateway: "card", amount: usd(900), status: .success)])
        let how = ReturnSettlement(
            total: usd(900), taxIncluded: false, exchanged: usd(0), shopperPays: usd(0), storeCredit: usd(0),
            refunds: by == "ref" ? [] : [MoneyMovement(id: by == "movement" ? "R-1" : "x", gateway: "card", amount: usd(900), status: .success)])
        let line = ReturnedLine(line: "L1", quantity: .one, reasonCode: nil, net: usd(900), disposition: by == "silent" ? nil : "restock", id: "U1")
        let told = GoodsReturn(state: "closed", refundRef: ["ref", "silent"].contains(by) ? "R-1" : nil, lines: [line], fees: [], settlement: by == "ref" ? nil : how)
        let documents = [
            stock("A", hour(0), .receipt, [("CUP", 3, 3_000)]), sold("O", hour(1), 3),
            SourceDocument(id: "R-1", caseID: "O", version: 1, at: hour(2), body: .refund(refund)),
            SourceDocument(id: "return:1", caseID: "O", version: 1, at: hour(3), body: .goodsReturn(told)),
        ]
        let plan = kept(documents, .movingAverage)
        #expect(plan.onHand == [.init(sku: "CUP", quantity: .one, value: usd(1_000))])
        #expect(plan.postings.contains { $0.subject == (by == "silent" ? "R-1/cost" : "return:1/cost") })
    }

    @Test("a cost that comes late goes to the units that are left, the rest to the cost of sales")
    func late() {
        for inventory in [Policies.Inventory.movingAverage, .fifo] {
            let plan = kept(
                [stock("A", hour(0), .receipt, [("CUP", 4, 1_000)]), sold("O", hour(1), 3), stock("F", hour(2), .landedCost, of: "A", amount: 101)], inventory)
            #expect(sums(plan.postings.first { $0.subject == "F" }) == ["inventory": 25, "cogs": 76, "landed_cost_clearing": -101])
        }
        let unknown = kept([stock("F", hour(2), .landedCost, of: "A", amount: 101)], .fifo)
        #expect(checks(unknown.postings) == ["waits_for_original"])
    }

    @Test("more sold than is there holds the cost; what was never stocked has none")
    func short() {
        let plan = kept([stock("A", hour(0), .opening, [("CUP", 2, 500)]), sold("O", hour(1), 3), sold("X", hour(2), 1, sku: "LABOUR")], .movingAverage)
        #expect(checks(plan.postings) == ["stock_short"] && plan.postings.map(\.subject) == ["O/cost"] && plan.costs.isEmpty)
        let counted = kept([stock("A", hour(0), .opening, [("CUP", 2, 500)]), stock("C", hour(1), .count, [("CUP", -3, nil)])], .fifo)
        #expect(checks(counted.postings) == ["stock_short"])
    }

    @Test("a count is at average cost, up and down, and clears the value with the last unit")
    func counted() {
        let opening = stock("A", hour(0), .opening, [("CUP", 3, 1_000)])
        for inventory in [Policies.Inventory.movingAverage, .fifo] {
            let fewer = kept([opening, stock("C", hour(1), .count, [("CUP", -1, nil)])], inventory)
            #expect(sums(fewer.postings.first) == ["inventory": -333, "inventory_adjustment": 333])
            let more = kept([opening, stock("C", hour(1), .count, [("CUP", 6, nil)])], inventory)
            #expect(sums(more.postings.first) == ["inventory": 2_000, "inventory_adjustment": -2_000])
            let all = kept([opening, stock("C", hour(1), .count, [("CUP", -3, nil)])], inventory)
            #expect(sums(all.postings.first)["inventory"] == -1_000 && all.onHand == [.init(sku: "CUP", quantity: .zero, value: usd(0))])
        }
    }

    @Test("falling below the threshold raises one purchase order without lines, and no second one until goods come")
    func reorder() {
        let point = ReorderPoint(sku: "CUP", threshold: ExactDecimal(5), quantity: ExactDecimal(10))
        let documents = [
            stock("A", hour(0), .opening, [("CUP", 6, 1_200)]), sold("O1", hour(1), 1), sold("O2", hour(2), 1), sold("O3", hour(3), 1),
            stock("B", hour(4), .receipt, [("CUP", 3, 600)]), sold("O4", hour(5), 3),
        ]
        let orders = kept(documents, .movingAverage, reorder: [point]).postings.filter { $0.form == .purchaseOrder }
        #expect(orders.map(\.covers) == [["O2"], ["O4"]] && orders.allSatisfy { $0.lines.isEmpty && $0.total == usd(2_000) })
    }

    @Test("cost follows the goods where revenue does")
    func fulfilled() {
        let documents = [
            stock("A", hour(0), .opening, [("CUP", 4, 1_000)]), sold("O", hour(1), 3),
            SourceDocument(
                id: "F", caseID: "O", version: 1, at: hour(30), body: .fulfilment(Fulfilment(lines: [.init(line: "L1", quantity: ExactDecimal(2))]))),
        ]
        let plan = kept(documents, .fifo, revenue: .atFulfilment)
        #expect(plan.postings.map(\.covers) == [["F"]] && sums(plan.postings.first) == ["cogs": 500, "inventory": -500])
    }

    @Test("what came in is what went out and what is left; nothing is ever below zero", arguments: UInt64(1) ... 150)
    func conserved(seed: UInt64) {
        var chance = Seeded(seed)
        var documents: [SourceDocument] = [stock("S", hour(0), .opening, [("CUP", 20, 4_000)])]
        for n in 1 ... 20 {
            let time = hour(Int64(n))
            switch chance.int(0 ... 4) {
            case 0: documents.append(stock("R\(n)", time, .receipt, [("CUP", chance.int(1 ... 30), Int64(chance.int(0 ... 9_999)))]))
            case 1: documents.append(stock("C\(n)", time, .count, [("CUP", chance.int(-4 ... 4), nil)]))
            case 2:
                let receipt = documents.last { $0.id.hasPrefix("R") }?.id ?? "S"
                documents.append(stock("L\(n)", time, .landedCost, of: receipt, amount: Int64(chance.int(1 ... 500))))
            case 3:
                let order = documents.last { $0.id.hasPrefix("O") }
                if let order { documents.append(back("T\(n)", of: order.id, time, [(1, chance.flip() ? "restock" : "write_off")])) }
            default: documents.append(sold("O\(n)", time, chance.int(1 ... 9)))
            }
        }
        for inventory in [Policies.Inventory.movingAverage, .fifo] {
            let plan = kept(documents, inventory)
            let fine = plan.postings.filter { $0.findings.isEmpty }
            for posting in fine { #expect(posting.lines.map(\.amount).total(.usd).isZero, "seed \(seed)") }
            let moved: [Int64] = fine.flatMap(\.lines).filter { $0.role == "inventory" }.map(\.amount.minor)
            let inBooks = moved.reduce(4_000, +)
            let left = plan.onHand[0]
            #expect(left.value.minor == inBooks, "seed \(seed): \(inventory)")
            #expect(!left.quantity.isNegative && left.value.minor >= 0, "seed \(seed): \(inventory)")
            #expect(!left.quantity.isZero || left.value.isZero, "seed \(seed): \(inventory)")
        }
        // What arrived first cannot matter.
        let mixed = kept(documents.shuffled(using: &chance), .fifo)
        #expect(mixed.onHand == kept(documents, .fifo).onHand && balances(mixed.postings) == balances(kept(documents, .fifo).postings), "seed \(seed)")
    }
}
