public import Kernel

/// Derives from all documents of an order the postings that ought to be in the ledger. A pure function of the case:
/// the order in which documents arrived cannot matter, and planning twice gives the same answer. What the ledger
/// already has counts only where it binds: a closed period, a ledger that cannot revise, a document that was dated
/// anew.
public enum Planner {
    /// The postings of `order`, in source order, each with the findings that follow from the case itself. Give the
    /// whole case and all its postings: a posting of the case in `ledger` that nothing calls for any more comes back
    /// with effect `void`.
    public static func plan(
        _ order: OrderCase, organisation: Organisation, policies: Policies, ledger: LedgerState, codes: CodeBook,
        around: Surroundings = Surroundings()
    ) -> [PlannedPosting] {
        outcome(order, organisation: organisation, policies: policies, ledger: ledger, codes: codes, around: around).postings
    }

    /// The same, with the ids of the documents that post nothing before something has happened that no source has told of yet (`Policies.saleTrigger`).
    public static func outcome(
        _ order: OrderCase, organisation: Organisation, policies: Policies, ledger: LedgerState, codes: CodeBook,
        around: Surroundings = Surroundings()
    ) -> (postings: [PlannedPosting], waiting: [String]) {
        var plan = CasePlan(order, organisation, policies, ledger, codes, around)
        plan.run()
        return (plan.postings, plan.waiting)
    }

    /// What may still be refunded after all refunds that the plan does not hold for exceeding it; `nil` without a
    /// known sale.
    public static func remaining(
        _ order: OrderCase, organisation: Organisation, policies: Policies, ledger: LedgerState, codes: CodeBook
    ) -> Remaining? {
        var plan = CasePlan(order, organisation, policies, ledger, codes, Surroundings())
        plan.run()
        return plan.remaining
    }
}

/// Bounds of planning.
public enum PlannerLimits {
    /// How long a sale that is to be one receipt may be part paid before it is held.
    public static let partPaidWait: Duration = .seconds(24 * 3600)
    /// How long an order waits for the payout that will settle it before it is posted on its own.
    public static let payoutWait: Duration = .seconds(24 * 3600)
    /// How long a shop's refund waits for the return that explains it.
    public static let returnWait: Duration = .seconds(24 * 3600)
    /// Documents that a finding names; of more it tells the number.
    public static let namesMost = 5
}

/// What of an order may still be refunded.
public struct Remaining: Sendable, Equatable {
    public struct Line: Sendable, Equatable {
        /// The source line's id.
        public var line: String
        public var quantity: ExactDecimal
        /// As the source states it: with tax where prices contain it.
        public var net: Money
        public var taxes: [String: Money]
        /// What a customer would get for it.
        public var total: Money
    }

    public var lines: [Line]
    public var total: Money
}

/// Something a source told, with where and when it was told.
struct Told<Body> {
    var id: String
    var at: Timestamp
    var body: Body
}

/// One planning of one case: the documents by kind, what has been worked out so far, and the postings made.
struct CasePlan {
    let caseID: String
    let organisation: Organisation
    let policies: Policies
    let ledger: LedgerState
    let codes: CodeBook
    let around: Surroundings

    var sale: Told<Sale>?
    var payments: [Told<Payment>] = []
    var refunds: [Told<Refund>] = []
    var edits: [Told<SaleEdit>] = []
    var cancellations: [Told<Cancellation>] = []
    var returns: [Told<GoodsReturn>] = []
    var tipPayouts: [Told<TipPayout>] = []
    var payouts: [Told<Payout>] = []
    var deposits: [Told<Deposit>] = []
    var expiries: [Told<GiftCardExpiry>] = []
    var fulfilments: [Told<Fulfilment>] = []
    var closures: [Told<RegisterClosure>] = []
    var bills: [Told<Bill>] = []
    var levels: [(told: Told<StockLevel>, version: Int64)] = []

    /// The lines as they stand after every edit.
    var figures: [LineFigures] = []
    var refunded = Refunded()
    var shares = ReturnShares()
    var bases = BaseRunning()
    /// What cash payments are off what they settle, by payment.
    var roundings: [String: Money] = [:]
    var pair = PairState()
    /// Since when the sale is in the books, where it waited for something.
    var recognisedAt: Timestamp?
    /// The same of a receipt.
    var receiptFrom: Timestamp?
    var waitsForTrigger = false
    /// What was planned of money that came or went before then.
    var early: [PlannedPosting] = []
    /// Documents that post nothing yet.
    var waiting: [String] = []
    var postings: [PlannedPosting] = []
    var remaining: Remaining?

    init(
        _ order: OrderCase, _ organisation: Organisation, _ policies: Policies, _ ledger: LedgerState, _ codes: CodeBook,
        _ around: Surroundings
    ) {
        caseID = order.id
        self.organisation = organisation
        self.policies = policies
        self.ledger = ledger
        self.codes = codes
        self.around = around
        let documents = order.documents
        let currency = documents.lazy.compactMap(\.saleCurrency).first
        let overflowing = order.overflowing(organisation.baseCurrency)
        for document in documents {
            if let finding = document.fault(in: currency) ?? (document == overflowing ? document.outOfRange : nil) {
                hold(document, finding, currency)
                continue
            }
            sort(document)
        }
    }

    private mutating func sort(_ document: SourceDocument) {
        func told<B>(_ body: B) -> Told<B> { Told(id: document.id, at: document.at, body: body) }
        switch document.body {
        case .sale(let body): if sale == nil { sale = told(body) }
        case .payment(let body): payments.append(told(body))
        case .refund(let body): refunds.append(told(body))
        case .edit(let body): edits.append(told(body))
        case .cancellation(let body): cancellations.append(told(body))
        case .goodsReturn(let body): returns.append(told(body))
        case .tipPayout(let body): tipPayouts.append(told(body))
        case .payout(let body): payouts.append(told(body))
        case .deposit(let body): deposits.append(told(body))
        case .giftCardExpiry(let body): expiries.append(told(body))
        // One that was undone says that nothing left.
        case .fulfilment(let body): if !body.lines.isEmpty || body.isAll { fulfilments.append(told(body)) }
        case .registerClosure(let body): closures.append(told(body))
        case .bill(let body): bills.append(told(body))
        case .stockLevel(let body): levels.append((told(body), document.version))
        // They post nothing by themselves: a payout's row, a payment, and what is kept of stock make use of them.
        case .dispute, .bankLine, .stock: break
        }
    }

    mutating func run() {
        for payout in tipPayouts { planTipPayout(payout) }
        for payout in payouts { planPayout(payout) }
        for deposit in deposits { planDeposit(deposit) }
        for expiry in expiries { planExpiry(expiry) }
        for closure in closures { planClosure(closure) }
        for bill in bills { planBill(bill) }
        planOrders()
        if sale?.body.isDraft ?? true {
            planOrphans()
        } else {
            planSale()
        }
        planSalesOrder()
        retire()
    }

    /// Postings of the case that the ledger has and nothing calls for any more: a payment that turned out void, a
    /// form that changed.
    private mutating func retire() {
        let wanted = Set(postings.map(\.id))
        let stale = ledger.posted.filter {
            !wanted.contains($0.key) && $0.value.plan.caseID == caseID && !$0.value.voided
        }
        for (_, state) in stale.sorted(by: {
            ($0.key.form.rawValue, $0.key.subject) < ($1.key.form.rawValue, $1.key.subject)
        }) {
            var plan = state.plan
            plan.effect = .void
            plan.findings = []
            postings.append(plan)
        }
    }

    // MARK: Words used by all steps

    /// A receipt has no place for money that the ledger owes to the customer already: such a sale is an invoice, whatever the policy says by now.
    var saleForm: PostingForm {
        guard policies.saleForm == .salesReceipt else { return .invoice }
        let isOwed = payments.contains { stands(.deposit, $0.id) } && !(sale.map { stands(.salesReceipt, $0.id) } ?? false)
        return isOwed ? .invoice : .salesReceipt
    }

    /// The document of the sale; payments and credit notes apply to it.
    var saleReference: PlannedPosting.Reference? {
        sale.map { PlannedPosting.Reference(form: saleForm, subject: $0.id) }
    }

    /// Whose receivable: the shop's one, a channel's own, or a customer's.
    var party: String {
        guard let sale = sale?.body else { return "shop" }
        let taxes = sale.lines.flatMap { $0.taxes ?? [] } + sale.shipping.flatMap(\.taxes)
        if sale.source == "marketplace" || (sale.customer == sale.source && sale.customer != "shop")
            || taxes.contains(where: \.channelLiable)
        {
            return sale.source
        }
        return policies.customer == .perCustomer && sale.customer != "house" ? sale.customer : "shop"
    }

    var receivable: Role { Role("receivable:\(party)") }

    /// Where the money of a gateway stands.
    func tender(_ gateway: String, _ currency: Currency) -> Role {
        switch gateway {
        case "gift_card": "gift_card_liability"
        case "store_credit": "store_credit_liability"
        case "bank": Role("bank:\(currency)")
        default: Role("clearing:\(gateway):\(currency)")
        }
    }

    func day(_ at: Timestamp) -> LocalDate { policies.day(of: at, in: organisation.zone) }

    /// The date of a document and, where the closed period moves it, the words that say so; otherwise the reference
    /// that it has anyway. A document the ledger has keeps the date it was moved to. `withSale`: it goes where the sale goes.
    func dated(_ own: LocalDate, _ reference: PlannedPosting.Reference, source: String, plain: String? = nil, withSale: Bool = false) -> (
        date: LocalDate, words: String?
    ) {
        if let posted = ledger.posted[reference], !posted.voided {
            return posted.plan.reference == plain ? (own, plain) : (posted.plan.date, posted.plan.reference)
        }
        // A part of a document that stands moves to no other day: its old and its new whole are two writes, of which one may be refused.
        if let part = ledger.within[reference], !part.voided { return (part.plan.date, part.plan.reference) }
        // What is gathered into summaries or settlements is dated with them.
        let gathered = (withSale || Summaries.forms.contains(reference.form)) && policies.posting(on: own) != .perDocument
        guard policies.closedPeriod != .hold, !gathered, let lock = ledger.lockDate, own <= lock else { return (own, plain) }
        return (lock.adding(days: 1), "\(source)\(PlannedPosting.movedMark)\(own)")
    }

    /// The rate into base currency; `nil` where the document is in base currency.
    func rate(_ currency: Currency) -> ExactDecimal? { currency == organisation.baseCurrency ? nil : sale?.body.rate }
}
