import Books
import Kernel
import Testing

/// Integer arithmetic of the tests' own, so that a mistake is not made twice.
func half(_ numerator: Int, _ denominator: Int) -> Int {
    numerator >= 0
        ? (2 * numerator + denominator) / (2 * denominator) : -((-2 * numerator + denominator) / (2 * denominator))
}

/// A decimal written in a test.
func d(_ text: StaticString) -> ExactDecimal { ExactDecimal("\(text)") ?? .zero }

let jurisdictions: [(name: String, rate: Int)] = [("XA", 2900), ("XB", 500), ("XC", 3750), ("XD", 20_000), ("XE", 0)]

/// Random orders with payments, refunds and edits whose own figures add up.
struct CaseMaker {
    var chance: Seeded
    var currency: Currency
    var included: Bool
    private(set) var documents: [SourceDocument] = []
    private var clock: Int64 = 1_790_000_000
    private var lines: [(id: String, quantity: Int, gross: Int, discount: Int, taxes: [(at: Int, amount: Int)])] = []
    private var returned: [Int] = []
    private(set) var total = 0

    init(seed: UInt64, currency: Currency = .usd, included: Bool? = nil) {
        chance = Seeded(seed)
        self.currency = currency
        self.included = included ?? false
        if included == nil { self.included = chance.flip() }
    }

    func money(_ minor: Int) -> Money { Money(minor: Int64(minor), currency) }

    private mutating func add(_ id: String, _ body: SourceDocument.Body) {
        clock += Int64(chance.int(1 ... 90_000))
        documents.append(SourceDocument(id: id, caseID: "O-1", version: 1, at: Timestamp(seconds: clock), body: body))
    }

    /// Something that no maker here makes.
    mutating func insert(_ document: SourceDocument) { documents.append(document) }

    private func part(_ at: Int, _ amount: Int) -> TaxPart {
        TaxPart(
            jurisdiction: jurisdictions[at].name,
            rate: ExactDecimal(coefficient: Int128(jurisdictions[at].rate), scale: 5), amount: money(amount))
    }

    private func taxes(_ net: Int, _ chosen: [Int]) -> [(at: Int, amount: Int)] {
        let sum = chosen.map { jurisdictions[$0].rate }.reduce(0, +)
        return chosen.map { ($0, half(net * jurisdictions[$0].rate, included ? 100_000 + sum : 100_000)) }
    }

    private mutating func line(_ id: String) -> SaleLine {
        let quantity = chance.int(1 ... 5)
        let gross = quantity * chance.int(1 ... 9_999)
        let discount = chance.flip(3) ? chance.int(0 ... gross) : 0
        let chosen = Set((0 ..< chance.int(0 ... 3)).map { _ in chance.int(0 ... 4) }).sorted()
        let found = taxes(gross - discount, chosen)
        lines.append((id, quantity, gross, discount, found))
        returned.append(0)
        total += gross - discount + (included ? 0 : found.map(\.amount).reduce(0, +))
        return SaleLine(
            id: id, sku: "S-\(id)", title: "Thing \(id)", group: chance.flip() ? "tools" : "toys",
            quantity: ExactDecimal(quantity), gross: money(gross),
            discount: money(discount), net: money(gross - discount), taxes: found.map { part($0.at, $0.amount) })
    }

    mutating func sale(rate: ExactDecimal? = nil, lineCount: Int? = nil) {
        let sold = (1 ... (lineCount ?? chance.int(1 ... 4))).map { line("L\($0)") }
        var shipping: [ShippingLine] = []
        if chance.flip() {
            let net = chance.int(1 ... 2_000)
            let found = taxes(net, [3])
            total += net + (included ? 0 : found.map(\.amount).reduce(0, +))
            shipping = [
                ShippingLine(
                    id: "S1", title: "Post", amount: money(net), discount: money(0), net: money(net),
                    taxes: found.map { part($0.at, $0.amount) })
            ]
        }
        let tip = chance.flip(3) ? chance.int(1 ... 900) : 0
        total += tip
        add(
            "O-1",
            .sale(
                Sale(
                    number: "#1", source: "shop", currency: currency, rate: rate, taxIncluded: included, lines: sold,
                    shipping: shipping,
                    tip: tip == 0 ? nil : money(tip), total: money(total))))
    }

    mutating func pay() {
        let first = chance.flip() ? chance.int(0 ... total) : total
        for (n, amount) in [first, total - first].enumerated() where amount > 0 {
            add(
                "P-\(n)",
                .payment(Payment(gateway: n == 0 ? "card" : "paypal", amount: money(amount), status: .success)))
        }
        add("P-9", .payment(Payment(gateway: "card", amount: money(total), status: .failure)))
    }

    /// Takes units of a line back, with the taxes of the running total stated or left to the rule.
    mutating func refund(_ id: String, line at: Int? = nil, units: Int? = nil) {
        let n = at ?? chance.int(0 ... lines.count - 1)
        let left = lines[n].quantity - returned[n]
        guard left > 0 else { return }
        let k = units ?? chance.int(1 ... left)
        func upTo(_ amount: Int, _ units: Int) -> Int { half(amount * units, lines[n].quantity) }
        let (from, to) = (returned[n], returned[n] + k)
        let net = upTo(lines[n].gross - lines[n].discount, to) - upTo(lines[n].gross - lines[n].discount, from)
        let found = lines[n].taxes.map { (at: $0.at, amount: upTo($0.amount, to) - upTo($0.amount, from)) }
        let money = net + (included ? 0 : found.map(\.amount).reduce(0, +))
        returned[n] = to
        let stated = chance.flip()
        let refundLine = RefundLine(
            line: lines[n].id, quantity: ExactDecimal(k), net: self.money(net),
            taxes: stated
                ? found.map {
                    TaxPart(jurisdiction: jurisdictions[$0.at].name, rate: nil, amount: self.money($0.amount))
                } : nil)
        add(
            id,
            .refund(
                Refund(
                    currency: currency, taxIncluded: included, lines: [refundLine], total: self.money(money),
                    transactions: money == 0
                        ? [] : [MoneyMovement(id: "T1", gateway: "card", amount: self.money(money), status: .success)]))
        )
    }

    /// Adds a line, or takes a unit of an untouched line away.
    mutating func edit(_ id: String) {
        let before = total
        if chance.flip() {
            let added = line("\(id)-L")
            add(id, .edit(SaleEdit(added: [added], removed: [], orderTotal: money(total))))
            return
        }
        guard let n = lines.indices.first(where: { returned[$0] == 0 && lines[$0].quantity > 1 }) else { return }
        let q = lines[n].quantity
        func off(_ amount: Int) -> Int { half(amount, q) }
        let net = off(lines[n].gross - lines[n].discount)
        let found = lines[n].taxes.map { (at: $0.at, amount: off($0.amount)) }
        let back = net + (included ? 0 : found.map(\.amount).reduce(0, +))
        lines[n] = (
            lines[n].id, q - 1, lines[n].gross - off(lines[n].gross),
            lines[n].gross - off(lines[n].gross) - (lines[n].gross - lines[n].discount - net),
            zip(lines[n].taxes, found).map { ($0.at, $0.amount - $1.amount) }
        )
        total = before - back
        add(
            id,
            .edit(
                SaleEdit(
                    added: [],
                    removed: [
                        RemovedUnits(
                            line: lines[n].id, quantity: .one, net: money(net),
                            taxes: found.map { part($0.at, $0.amount) })
                    ],
                    orderTotal: money(total),
                    transactions: back == 0
                        ? [] : [MoneyMovement(id: "T1", gateway: "card", amount: money(back), status: .success)])))
    }

    mutating func goodwill(_ id: String, _ amount: Int) {
        add(
            id,
            .refund(
                Refund(
                    currency: currency, taxIncluded: included, lines: [],
                    adjustments: [RefundAdjustment(id: "A1", kind: .goodwill, amount: money(amount))],
                    total: money(amount),
                    transactions: [MoneyMovement(id: "T1", gateway: "card", amount: money(amount), status: .success)])))
    }
}

let shopUS = Organisation(baseCurrency: .usd, country: "US", zone: .utc, taxMode: .exclusive)
let shopGB = Organisation(baseCurrency: .gbp, country: "GB", zone: .utc, taxMode: .inclusive)

func planned(
    _ documents: [SourceDocument], _ organisation: Organisation = shopUS, _ policies: Policies = Policies(),
    ledger: LedgerState = LedgerState(),
    codes: CodeBook = CodeBook()
) -> [PlannedPosting] {
    Planner.plan(
        OrderCase(id: "O-1", documents), organisation: organisation, policies: policies, ledger: ledger, codes: codes)
}

/// A ledger that took everything as planned.
func posted(_ plans: [PlannedPosting], lockDate: LocalDate? = nil, forbidsRevision: Bool = false) -> LedgerState {
    var ledger = LedgerState(lockDate: lockDate, forbidsRevision: forbidsRevision)
    for plan in plans where plan.effect == .post { ledger.posted[plan.id] = PostedState(plan: plan) }
    return ledger
}

func balances(_ plans: [PlannedPosting]) -> [Role: Int64] {
    var out: [Role: Int64] = [:]
    for plan in plans where plan.effect == .post {
        for line in plan.lines { out[line.role, default: 0] += line.amount.minor }
    }
    return out.filter { $0.value != 0 }
}

/// What was sold and given back, by source line and tax, of plans that are to be posted and have no finding. Where prices contain the taxes, a
/// shop that states a tax a cent short moves that cent to the goods: goods and taxes are then bounded together.
func soldAndBack(_ plans: [PlannedPosting], included: Bool) -> (sold: [String: Int64], back: [String: Int64]) {
    var (sold, back): ([String: Int64], [String: Int64]) = ([:], [:])
    for plan in plans where plan.findings.isEmpty && plan.effect == .post {
        for line in plan.lines where line.part == .tax || line.part == .goods {
            var keys = line.part == .tax ? ["\(line.group) \(line.role.text)"] : included ? [] : ["\(line.group) goods"]
            if included { keys.append("\(line.group) in all") }
            let isBack = plan.form == .creditNote && !(line.derivedFrom.first?.hasPrefix("E-") ?? false)
            for key in keys {
                if isBack { back[key, default: 0] += line.amount.minor } else { sold[key, default: 0] -= line.amount.minor }
            }
        }
    }
    return (sold, back)
}
