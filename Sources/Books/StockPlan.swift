public import Kernel

/// Policies `moving_average` and `fifo`: what goods cost, from everything that happened to stock in the order of its times.
/// Sales and returns of all cases share one pool an item, so they are planned together.
public struct StockPlan: Sendable {
    public struct OnHand: Sendable, Equatable {
        public var sku: String
        public var quantity: ExactDecimal
        public var value: Money

        public init(sku: String, quantity: ExactDecimal, value: Money) {
            self.sku = sku
            self.quantity = quantity
            self.value = value
        }
    }

    /// Receipts, costs of sales and of returns, adjustments; purchase orders, which have no journal effect.
    public private(set) var postings: [PlannedPosting] = []
    /// What each sold line cost, by `order/line`.
    public private(set) var costs: [String: Money] = [:]

    private let organisation: Organisation
    private let policies: Policies
    private let ledger: LedgerState
    private let reorder: [ReorderPoint]
    private var items: [String: StockItem] = [:]
    private var receipts: [String: [StockMovement.Line]] = [:]
    /// Of each sold line: its item, its units, and what of its cost came back.
    private var sold: [String: (sku: String, units: ExactDecimal, back: ExactDecimal)] = [:]
    private var openOrders: Set<String> = []
    private var orderCount: [String: Int] = [:]

    /// `documents`: all of the organisation; `sales`: their planned invoices and receipts that stand.
    public init(
        _ documents: [SourceDocument], sales: [PlannedPosting], organisation: Organisation, policies: Policies, ledger: LedgerState,
        reorder: [ReorderPoint] = []
    ) {
        self.organisation = organisation
        self.policies = policies
        self.ledger = ledger
        self.reorder = reorder
        guard policies.inventory != .none else { return }
        let plans = Dictionary(sales.filter { $0.effect == .post }.map { ($0.subject, $0) }) { first, _ in first }
        let explained = StockPlan.explained(documents)
        for document in documents.sorted(by: { ($0.at, $0.id) < ($1.at, $1.id) }) where document.fault(in: nil) == nil {
            switch document.body {
            case .stock(let movement): take(movement, document)
            case .sale where policies.revenue == .atOrder: sell(plans[document.id], document)
            case .fulfilment(let goods) where policies.revenue == .atFulfilment: fulfil(goods, plans[document.caseID], document)
            case .goodsReturn(let back) where back.state == "closed":
                bring(back.lines.map { ($0.line, $0.quantity, $0.disposition.map { $0 == "restock" }, $0.id ?? $0.line) }, document)
            case .refund(let refund) where !explained.contains(document.id):
                bring(refund.lines.map { ($0.line, $0.quantity, $0.restocked, $0.line) }, document)
            default: break
            }
        }
    }

    /// The shop's refunds whose goods a return tells of: by id, or because it gives just as much for just the same units. A return that says of nothing
    /// what became of it leaves that to the shop.
    private static func explained(_ documents: [SourceDocument]) -> Set<String> {
        var returns: [String: [Told<GoodsReturn>]] = [:], refunds: [String: [Told<Refund>]] = [:]
        for document in documents.sorted(by: { ($0.at, $0.id) < ($1.at, $1.id) }) where document.fault(in: nil) == nil {
            switch document.body {
            case .goodsReturn(let back): returns[document.caseID, default: []].append(Told(id: document.id, at: document.at, body: back))
            case .refund(let refund): refunds[document.caseID, default: []].append(Told(id: document.id, at: document.at, body: refund))
            default: break
            }
        }
        var out: Set<String> = []
        for (caseID, told) in returns {
            for (refund, givers) in ReturnShares(told, of: refunds[caseID] ?? []).givers
            where givers.contains(where: { $0.body.lines.contains { $0.disposition != nil } }) {
                out.insert(refund)
            }
        }
        return out
    }

    /// What is there in the end, by item.
    public var onHand: [OnHand] {
        items.sorted { $0.key < $1.key }.map { OnHand(sku: $0.key, quantity: $0.value.quantity, value: $0.value.value(currency)) }
    }

    private var currency: Currency { organisation.baseCurrency }

    // MARK: In

    private mutating func take(_ movement: StockMovement, _ document: SourceDocument) {
        guard movement.currency == currency else { return }
        switch movement.kind {
        case .opening, .receipt:
            receipts[document.id] = movement.lines
            var lines: [PostingLine] = []
            for line in movement.lines {
                let value = line.value ?? .zero(currency)
                items[line.sku, default: StockItem(fifo: policies.inventory == .fifo)].receive(line.quantity, value, origin: "\(document.id)/\(line.id)")
                openOrders.remove(line.sku)
                lines.append(PostingLine(.other, role: "inventory", amount: value, derivedFrom: ["\(document.id)/\(line.id)"], sku: line.sku))
            }
            if movement.kind == .receipt { journal(document, document.id, lines, against: "grni", from: [document.id]) }
        case .count:
            for line in movement.lines { count(line, document) }
        case .landedCost: spread(movement, document)
        }
    }

    private mutating func count(_ line: StockMovement.Line, _ document: SourceDocument) {
        guard var item = items[line.sku] else { return }
        var value = Money.zero(currency)
        var findings: [Finding] = []
        if line.quantity.isNegative {
            guard let cost = item.lose(-line.quantity, currency) else {
                findings.append(short(line.sku, item.quantity, -line.quantity, document.id))
                journal(document, document.id, [], against: "inventory_adjustment", from: [document.id], findings: findings)
                return
            }
            value = -cost
        } else {
            value = item.average(of: line.quantity, currency)
            item.receive(line.quantity, value, origin: "\(document.id)/\(line.id)")
        }
        items[line.sku] = item
        let moved = PostingLine(.other, role: "inventory", amount: value, derivedFrom: [document.id], sku: line.sku)
        journal(document, document.id, [moved], against: "inventory_adjustment", from: [document.id])
        watch(line.sku, document)
    }

    /// Freight and duty belong to the goods of their receipt, by value; what of those is gone already, to the cost of sales.
    private mutating func spread(_ movement: StockMovement, _ document: SourceDocument) {
        guard let amount = movement.amount, let receipt = movement.receipt else { return }
        guard let lines = receipts[receipt] else {
            let waits = Finding(
                check: "waits_for_original", why: "receipt \(receipt) is not known yet", remedy: "none needed: released when the receipt arrives")
            journal(document, document.id, [], against: "landed_cost_clearing", from: [document.id], findings: [waits])
            return
        }
        var out: [PostingLine] = []
        for (line, share) in zip(lines, Allocation.shares(of: amount, weights: lines.map { $0.value ?? .zero(currency) })) {
            guard var item = items[line.sku] else { continue }
            let origin = "\(receipt)/\(line.id)"
            let left = item.left(of: origin, received: line.quantity)
            let kept = left.isZero ? .zero(currency) : Allocation.upTo(left, of: line.quantity, amount: share)
            item.add(kept, to: origin)
            items[line.sku] = item
            out.append(PostingLine(.other, role: "inventory", amount: kept, derivedFrom: [document.id], sku: line.sku))
            out.append(PostingLine(.other, role: "cogs", amount: share - kept, derivedFrom: [document.id], sku: line.sku))
        }
        journal(document, document.id, out, against: "landed_cost_clearing", from: [document.id])
    }

    // MARK: Out and back

    private mutating func sell(_ plan: PlannedPosting?, _ document: SourceDocument) {
        guard let plan else { return }
        let goods = plan.lines.filter { $0.part == .goods && !$0.sku.isEmpty }
        issue(goods.map { ($0.group, $0.sku, $0.quantity ?? .zero, $0.derivedFrom) }, document)
    }

    private mutating func fulfil(_ goods: Fulfilment, _ plan: PlannedPosting?, _ document: SourceDocument) {
        guard let plan else { return }
        issue(
            goods.lines.compactMap { line in
                plan.lines.first { $0.part == .goods && $0.group == line.line && !$0.sku.isEmpty }.map { (line.line, $0.sku, line.quantity, $0.derivedFrom) }
            }, document)
    }

    private mutating func issue(_ goods: [(line: String, sku: String, units: ExactDecimal, from: [String])], _ document: SourceDocument) {
        var out: [PostingLine] = []
        var findings: [Finding] = []
        for entry in goods where !entry.units.isZero {
            // What was never stocked has no cost: services, postage.
            guard var item = items[entry.sku] else { continue }
            guard let cost = item.issue(entry.units, currency) else {
                findings.append(short(entry.sku, item.quantity, entry.units, document.id))
                continue
            }
            items[entry.sku] = item
            let key = "\(document.caseID)/\(entry.line)"
            costs[key] = (costs[key] ?? .zero(currency)) + cost
            sold[key] = (entry.sku, (sold[key]?.units ?? .zero) + entry.units, .zero)
            out.append(PostingLine(.other, role: "inventory", amount: -cost, derivedFrom: entry.from, text: "", sku: entry.sku))
        }
        journal(document, "\(document.id)/cost", out, against: "cogs", from: out.flatMap(\.derivedFrom), findings: findings)
        for sku in Set(goods.map(\.sku)).sorted() { watch(sku, document) }
    }

    /// Units that came back, at what was posted for their sale: into stock, or written off.
    private mutating func bring(_ lines: [(line: String, units: ExactDecimal, restocked: Bool?, name: String)], _ document: SourceDocument) {
        var out: [PostingLine] = []
        for entry in lines {
            let key = "\(document.caseID)/\(entry.line)"
            guard let restocked = entry.restocked, var known = sold[key], let cost = costs[key], known.back + entry.units <= known.units else { continue }
            let upTo = Allocation.upTo(known.back + entry.units, of: known.units, amount: cost)
            let before = known.back.isZero ? .zero(currency) : Allocation.upTo(known.back, of: known.units, amount: cost)
            known.back = known.back + entry.units
            sold[key] = known
            let value = upTo - before
            if restocked { items[known.sku]?.receive(entry.units, value, origin: "\(document.id)/\(entry.name)") }
            out.append(
                PostingLine(.other, role: restocked ? "inventory" : "write_off", amount: value, derivedFrom: ["\(document.id)/\(entry.name)"], sku: known.sku))
        }
        journal(document, "\(document.id)/cost", out, against: "cogs", from: [document.id])
    }

    // MARK: Postings

    private func short(_ sku: String, _ have: ExactDecimal, _ want: ExactDecimal, _ id: String) -> Finding {
        Finding(
            check: "stock_short", why: "\(id) takes \(want.shortest) of \(sku), \(have.shortest) are known to be there",
            remedy: "enter the receipt that is missing, or count the stock", position: "sku[\(sku)]")
    }

    /// A case of its own: the order's own postings are planned without knowing of stock.
    private static func caseID(_ document: SourceDocument) -> String { "stock/\(document.id)" }

    private mutating func journal(
        _ document: SourceDocument, _ subject: String, _ lines: [PostingLine], against role: Role, from: [String], findings: [Finding] = []
    ) {
        var sum = Gathering(netted: [])
        for line in lines { sum.add(line, of: document.caseID) }
        let rest = lines.map(\.amount).total(currency)
        if !rest.isZero { sum.add(PostingLine(.other, role: role, amount: -rest, derivedFrom: from, openItem: document.id), of: document.caseID) }
        let out = sum.lines
        guard !out.isEmpty || !findings.isEmpty else { return }
        let id = PlannedPosting.Reference(form: .journal, subject: subject)
        let dated = dated(document, id)
        postings.append(
            PlannedPosting(
                subject: subject, form: .journal, caseID: StockPlan.caseID(document), covers: [document.id], date: dated.date, currency: currency,
                total: out.map(\.amount).filter { $0.minor > 0 }.total(currency), lines: findings.isEmpty ? out : [], party: "shop", findings: findings,
                reference: dated.words))
    }

    private func dated(_ document: SourceDocument, _ id: PlannedPosting.Reference) -> (date: LocalDate, words: String?) {
        let own = policies.day(of: document.at, in: organisation.zone)
        if let posted = ledger.posted[id], !posted.voided { return posted.plan.reference == nil ? (own, nil) : (posted.plan.date, posted.plan.reference) }
        guard policies.closedPeriod != .hold, let lock = ledger.lockDate, own <= lock else { return (own, nil) }
        return (lock.adding(days: 1), "\(document.id), source date \(own)")
    }

    /// Raises one purchase order when stock falls below its threshold, and none while that is open.
    private mutating func watch(_ sku: String, _ document: SourceDocument) {
        guard let point = reorder.first(where: { $0.sku == sku }), let item = items[sku], item.quantity < point.threshold, !openOrders.contains(sku) else {
            return
        }
        openOrders.insert(sku)
        orderCount[sku, default: 0] += 1
        let total = item.average(of: point.quantity, currency)
        postings.append(
            PlannedPosting(
                subject: "\(sku)/\(orderCount[sku, default: 1])", form: .purchaseOrder, caseID: StockPlan.caseID(document), covers: [document.id],
                date: policies.day(of: document.at, in: organisation.zone), currency: currency, total: total, lines: [], party: "shop",
                note: "\(point.quantity.shortest) of \(sku) at average cost \(total.text): \(item.quantity.shortest) left, below \(point.threshold.shortest)"))
    }
}
