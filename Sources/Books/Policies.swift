public import Kernel

/// How a tenant's sales become postings. Each policy's text name and values are those of the tenant's file.
public struct Policies: Sendable, Equatable {
    public enum Posting: String, Sendable, CaseIterable {
        case perDocument = "per_document", dailySummary = "daily_summary", payout
    }
    public struct DatedPosting: Sendable, Equatable {
        public var from: LocalDate
        public var value: Posting

        public init(from: LocalDate, value: Posting) {
            self.from = from
            self.value = value
        }
    }
    public enum SaleForm: String, Sendable, CaseIterable {
        case invoicePayment = "invoice_payment", salesReceipt = "sales_receipt"
    }
    /// What makes a sale one for the books.
    public enum SaleTrigger: String, Sendable, CaseIterable {
        /// The source tells of it; a draft is none yet.
        case created
        /// The same, where the source tells drafts from what was sent.
        case finalised
        /// Nothing of it is left to pay. Money taken before is owed to the customer.
        case paid
        /// All of it has left. Money taken before is owed to the customer.
        case fulfilled
    }
    /// What makes a day's summary one for the books.
    public enum SummaryTrigger: String, Sendable, CaseIterable {
        case dayOver = "day_over"
        /// The same, and a till has been counted for the day.
        case dayClosed = "day_closed"
    }
    /// What makes a refund one for the books.
    public enum RefundTrigger: String, Sendable, CaseIterable {
        case created
        /// Its money has gone back.
        case paid
        /// A return that names it is closed.
        case returned
    }
    public enum Customer: String, Sendable, CaseIterable { case house, perCustomer = "per_customer" }
    public enum Discounts: String, Sendable, CaseIterable { case separate, net }
    public enum DiscountDimension: String, Sendable, CaseIterable { case none, group }
    public enum Revenue: String, Sendable, CaseIterable { case atOrder = "at_order", atFulfilment = "at_fulfilment" }
    public enum Edit: String, Sendable, CaseIterable { case revise, delta }
    public enum ClosedPeriod: String, Sendable, CaseIterable {
        case hold, firstOpenDay = "first_open_day", reversalPair = "reversal_pair"
    }
    public enum ZeroTotal: String, Sendable, CaseIterable { case post, postPenny = "post_penny", memo, skip }
    public enum FeeTax: String, Sendable, CaseIterable { case none, inclusive }
    public enum GoodwillTax: String, Sendable, CaseIterable { case none, orderRate = "order_rate" }
    public enum HeldMoney: String, Sendable, CaseIterable {
        case withDocument = "with_document", bookToReceivable = "book_to_receivable"
    }
    public enum DepositTax: String, Sendable, CaseIterable { case atInvoice = "at_invoice", atReceipt = "at_receipt" }
    public enum MarketplaceTax: String, Sendable, CaseIterable { case memo, passThrough = "pass_through" }
    public enum Inventory: String, Sendable, CaseIterable { case none, movingAverage = "moving_average", fifo }
    public enum ExchangeRate: String, Sendable, CaseIterable { case sourceDocument = "source_document", table }
    public enum SummaryZone: String, Sendable, CaseIterable { case shop, organisation }
    public enum PayoutRows: String, Sendable, CaseIterable {
        /// A payout waits until all that it pays for is in the books.
        case matched
        /// It is posted as the processor states it; what it pays for and nobody knows stays open in clearing by name.
        case any
    }
    /// Which documents in the ledger get a list of what they stand for beside them.
    public enum Attach: String, Sendable, CaseIterable { case none, summaries, all }
    /// Whether orders stand in the ledger as orders until they are sales.
    public enum SalesOrders: String, Sendable, CaseIterable { case off, mirror }
    /// Whether sources are told what the ledger shows of their documents.
    public enum Reflect: String, Sendable, CaseIterable { case off, on }
    /// Whose word counts where the ledger shows something else than the source told.
    public enum Master: String, Sendable, CaseIterable {
        /// The ledger's: the source is told.
        case ledger
        /// The source's: it is told nothing.
        case source
        /// A person is asked before the source is told.
        case ask
    }
    public enum ReturnsOwner: String, Sendable, CaseIterable {
        /// The shop's refund is the credit note; the returns system only explains it. What it settles without money is its own.
        case shop
        /// The return is the credit note, and the shop's refund that gives its money is no second one.
        case rms
    }
    public enum Switch: String, Sendable, CaseIterable { case on = "true", off = "false" }

    public var posting: Posting = .perDocument
    /// Later values of `posting`, each from a day on, in order of those days.
    public var postingChanges: [DatedPosting] = []
    public var saleForm: SaleForm = .invoicePayment
    public var summaryTrigger: SummaryTrigger = .dayOver
    public var saleTrigger: SaleTrigger = .created
    public var refundTrigger: RefundTrigger = .created
    public var customer: Customer = .house
    public var discounts: Discounts = .separate
    public var discountDimension: DiscountDimension = .none
    public var revenue: Revenue = .atOrder
    public var edit: Edit = .revise
    public var closedPeriod: ClosedPeriod = .hold
    public var zeroTotal: ZeroTotal = .post
    public var feeTax: FeeTax = .none
    public var goodwillTax: GoodwillTax = .none
    public var heldMoney: HeldMoney = .withDocument
    public var depositTax: DepositTax = .atInvoice
    public var marketplaceTax: MarketplaceTax = .memo
    /// Per document and jurisdiction, in units of the document's currency; a difference of exactly this passes.
    public var taxDifferenceCap = ExactDecimal(coefficient: 5, scale: 2)
    /// The smallest coin; `nil`: cash is not rounded.
    public var cashRounding: ExactDecimal?
    public var roundingCap: ExactDecimal?
    public var bankFeeCap = ExactDecimal(coefficient: 1500, scale: 2)
    public var inventory: Inventory = .none
    public var exchangeRate: ExchangeRate = .sourceDocument
    /// How long a shop's refund waits for its return; `nil` where no returns system is connected.
    public var rmsWait: Duration?
    /// Whose word makes the credit note of a return.
    public var returnsOwner: ReturnsOwner = .shop
    /// The connection, by its slug, whose returns belong to the flow beside its source's documents; `nil`: none.
    public var returnsFrom: String?
    /// The returns system is the flow's only source: no order is ever known, and a return stands for itself. Follows from the flow, not from a file.
    public var returnsAlone = false
    public var bankWait: Duration = .seconds(72 * 3600)
    public var monthEndSplit: Switch = .on
    public var payoutRows: PayoutRows = .matched
    public var attach: Attach = .none
    public var salesOrders: SalesOrders = .off
    public var reflect: Reflect = .off
    /// Of payments that somebody enters in the ledger; of what somebody voids or deletes there; of what somebody changes there.
    public var paidMaster: Master = .ledger
    public var voidMaster: Master = .ask
    public var amountMaster: Master = .ask
    public var summaryZone: SummaryZone = .shop
    /// Seconds after local midnight at which a business day begins.
    public var dayCutOff = 0
    /// The entity of a line is that of its location.
    public var entityByLocation = false

    public init() {}

    /// The policies that suit a country: kept fees and goodwill contain VAT in the UK and the EU.
    public static func template(country: String) -> Policies {
        var policies = Policies()
        if country == "GB" || european.contains(country) {
            policies.feeTax = .inclusive
            policies.goodwillTax = .orderRate
        }
        return policies
    }

    /// - Source: member states of the European Union, 2026.
    private static let european: Set<String> = [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
        "LV", "MT", "NL", "PL", "PT",
        "RO", "SE", "SI", "SK",
    ]

    /// How an event of this business day is posted.
    public func posting(on day: LocalDate) -> Posting { postingChanges.last { $0.from <= day }?.value ?? posting }

    /// The business day of an instant: by the local clock, from the cut-off on.
    public func day(of at: Timestamp, in zone: Zone) -> LocalDate {
        let day = zone.date(of: at)
        return dayCutOff > 0 && zone.secondOfDay(at: at) < dayCutOff ? day.adding(days: -1) : day
    }

    /// Settings that a flow cannot carry out yet; one with any of them must not start. Some the core plans already,
    /// and scenarios run them: the pipeline does not gather stock yet.
    public var unsupported: [String] {
        var out: [String] = []
        if inventory != .none { out.append("inventory: \(inventory.rawValue)") }
        if entityByLocation { out.append("entity_by: line.location") }
        return out + unplanned
    }

    /// On some day orders are settled with the payout that brings their money.
    public var settles: Bool { posting == .payout || postingChanges.contains { $0.value == .payout } }

    /// Some days are summed up.
    private var sumsUp: Bool { posting == .dailySummary || postingChanges.contains { $0.value == .dailySummary } }

    /// How long a shop's refund waits for its return: a day where a returns system is connected and nobody says otherwise.
    public var returnWait: Duration? {
        guard returnsOwner == .shop else { return nil }
        let wait = rmsWait ?? (returnsFrom == nil ? .zero : PlannerLimits.returnWait)
        return wait > .zero ? wait : nil
    }

    /// Settings that the core cannot plan.
    public var unplanned: [String] {
        var out: [String] = []
        if heldMoney != .withDocument { out.append("held_money: \(heldMoney.rawValue)") }
        if depositTax != .atInvoice { out.append("deposit_tax: \(depositTax.rawValue)") }
        if exchangeRate != .sourceDocument { out.append("fx_rate: \(exchangeRate.rawValue)") }
        if saleTrigger == .fulfilled {
            // A receipt states money and sale at once: money that came before has no place in it.
            if saleForm == .salesReceipt { out.append("triggers.sale: fulfilled with sale_form: sales_receipt") }
            // Each says by itself when income counts: at once with the last of the goods, or line by line.
            if revenue == .atFulfilment { out.append("triggers.sale: fulfilled with revenue: at_fulfilment") }
        }
        if revenue == .atFulfilment {
            // What a fulfilment releases is of one invoice, and that stands within another document.
            // What was posted under a value that is over goes on as it is.
            let last = postingChanges.last?.value ?? posting
            if last != .perDocument { out.append("revenue: at_fulfilment with posting: \(last.rawValue)") }
        }
        if salesOrders == .mirror {
            // What an order becomes is an invoice of its own.
            if saleForm == .salesReceipt { out.append("sales_orders: mirror with sale_form: sales_receipt") }
            if settles { out.append("sales_orders: mirror with posting: payout") }
            if sumsUp { out.append("sales_orders: mirror with posting: daily_summary") }
            if entityByLocation { out.append("sales_orders: mirror with entity_by: line.location") }
        }
        // A receipt states money and sale at once: whose money it is cannot be told apart in it.
        if entityByLocation, saleForm == .salesReceipt { out.append("entity_by: line.location with sale_form: sales_receipt") }
        return out
    }
}
