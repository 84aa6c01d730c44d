public import Kernel

/// The closed list of ledger document forms.
public enum PostingForm: String, Sendable, CaseIterable {
    case invoice, creditNote = "credit_note", payment, refundPayment = "refund_payment", salesReceipt = "sales_receipt",
        deposit, summary
    case settlement, payout, journal, reversal, memo, bill, purchaseOrder = "purchase_order", salesOrder = "sales_order"

    /// What is bought: its party is a supplier.
    public var isPurchase: Bool { self == .bill || self == .purchaseOrder }
    /// It moves no account: what is noted, and what is ordered.
    public var isSilent: Bool { self == .memo || self == .purchaseOrder || self == .salesOrder }
}

/// A ledger-neutral account role, `sales:homeware`, `clearing:card:USD`, `receivable:shop`. A tenant's account
/// structure binds it to an account.
public struct Role: Hashable, Sendable, Comparable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let text: String
    public init(_ text: String) { self.text = text }
    public init(stringLiteral value: String) { text = value }
    /// The part before the first colon: `sales`.
    public var family: String { String(text.prefix { $0 != ":" }) }
    /// The part after the first colon, empty when there is none: `card:USD`.
    public var detail: String { text.contains(":") ? String(text.drop { $0 != ":" }.dropFirst()) : "" }
    public var description: String { text }
    public static func < (a: Role, b: Role) -> Bool { a.text < b.text }
}

/// One line of a planned ledger document. Amounts are signed: debit positive, credit negative.
public struct PostingLine: Sendable, Equatable {
    /// What the line is in the document; ledgers present each differently.
    public enum Part: String, Sendable {
        case control, goods, giftCard = "gift_card", discount, shipping, tip, fee, allowance, tax, tender, other
    }
    public var part: Part
    public var role: Role
    public var amount: Money
    /// Base-currency value, only where the document's currency is not the base currency.
    public var base: Money?
    /// `US-CO@2.9`: jurisdiction and percent.
    public var taxCode: String?
    /// Of a `tax` line: the lines of `group` it was charged on. Lines and their taxes share a `group` (a source
    /// line's id).
    public var group: String
    public var dimension: [String: String]
    /// Where it comes from: `event` or `event/part`.
    public var derivedFrom: [String]
    /// What people read: the product's title.
    public var text: String
    public var sku: String
    public var quantity: ExactDecimal?
    public var reasonCode: String?
    /// What the role's balance is kept by, where finer than the order: a gift card's reference.
    public var openItem: String?

    public init(
        _ part: Part, role: Role, amount: Money, base: Money? = nil, taxCode: String? = nil, group: String = "",
        dimension: [String: String] = [:],
        derivedFrom: [String], text: String = "", sku: String = "", quantity: ExactDecimal? = nil,
        reasonCode: String? = nil,
        openItem: String? = nil
    ) {
        self.part = part
        self.role = role
        self.amount = amount
        self.base = base
        self.taxCode = taxCode
        self.group = group
        self.dimension = dimension
        self.derivedFrom = derivedFrom
        self.text = text
        self.sku = sku
        self.quantity = quantity
        self.reasonCode = reasonCode
        self.openItem = openItem
    }
}

/// Why a document is held: a named check, in words and with a remedy.
public struct Finding: Sendable, Equatable {
    /// The check's name: `closed_period`.
    public var check: String
    public var why: String
    public var remedy: String
    /// Where in the document: `lines[2]`, `tax_payable:US-CO`.
    public var position: String?
    /// What is to be mended, where one check finds several things and mending one of them releases all that names it: an account's code. People are told
    /// once of each.
    public var cause: String?
    /// Amounts that the words name, for programs: `asked`, `remaining_order`, `difference`.
    public var figures: [String: Money]

    public init(check: String, why: String, remedy: String, position: String? = nil, cause: String? = nil, figures: [String: Money] = [:]) {
        self.check = check
        self.why = why
        self.remedy = remedy
        self.position = position
        self.cause = cause
        self.figures = figures
    }
}

/// A ledger document that the sources call for, in ledger-neutral words: what ought to be in the books.
public struct PlannedPosting: Sendable, Equatable {
    public enum Effect: String, Sendable {
        /// It should be in the ledger.
        case post
        /// It should be in the ledger with zero effect if it ever got there, and not be created otherwise.
        case void
    }

    /// What it is about; with `form` its identity within the flow: `O-1001`, `O-1201/E-1201`, `P-1001`, `R-8001/T1`.
    public var subject: String
    public var form: PostingForm
    public var effect: Effect
    /// The order it belongs to.
    public var caseID: String
    /// Ids of the source documents and notes it stands for, the first one is its own event.
    public var covers: [String]
    /// Ledger-local date.
    public var date: LocalDate
    /// When a bill is to be paid, never before `date`; `nil`: on it.
    public var due: LocalDate?
    public var currency: Currency
    /// Base units per one unit of `currency`; `nil` in base currency.
    public var rate: ExactDecimal?
    /// Positive amount that people call the document's total.
    public var total: Money
    public var lines: [PostingLine]
    /// Whose receivable: `shop`, a customer's id.
    public var party: String
    /// `subject` and form of the document it settles or corrects: a payment's invoice, a refund payment's credit note.
    public var appliesTo: Reference?
    /// The sales order that an invoice is drawn from, where that stands there and is open: the invoice needs it for nothing, and goes without it.
    public var drawnFrom: Reference?
    /// Of a sales order: nothing of it is to be open any more, because it is invoiced.
    public var isClosed = false
    /// Of a sale: it counts, and is dated, since what was owed of it was paid. For planning alone: no ledger sees it.
    public var countsWhenPaid = false
    /// Of a sales order that is closed: the invoices behind which it is, each with its revision, `INV-1@2`.
    public var closedBehind: String?
    /// Findings of the plan itself (refund above what remains, unmapped code …). Preflight adds its own.
    public var findings: [Finding]
    /// Tells people where a re-dated document comes from.
    public var reference: String?
    public var note: String?
    /// Amounts reported but not journalled: `marketplace_tax_memo`.
    public var memo: [String: Money]
    /// Where the source's tax differs from rate × base.
    public var taxOverride: TaxOverride?
    /// Neither to be posted nor to be shown as held earlier: a shop's refund waits for what the returns system knows
    /// of it, a part-paid receipt for the rest of its money.
    public var notBefore: Timestamp?

    public struct Reference: Sendable, Equatable, Hashable {
        public var form: PostingForm
        public var subject: String
        public init(form: PostingForm, subject: String) {
            self.form = form
            self.subject = subject
        }
    }

    public struct TaxOverride: Sendable, Equatable {
        public var source: Money
        public var computed: Money
        public init(source: Money, computed: Money) {
            self.source = source
            self.computed = computed
        }
    }

    public init(
        subject: String, form: PostingForm, effect: Effect = .post, caseID: String, covers: [String], date: LocalDate,
        due: LocalDate? = nil, currency: Currency,
        rate: ExactDecimal? = nil, total: Money, lines: [PostingLine], party: String, appliesTo: Reference? = nil,
        findings: [Finding] = [],
        reference: String? = nil, note: String? = nil, memo: [String: Money] = [:], taxOverride: TaxOverride? = nil,
        notBefore: Timestamp? = nil
    ) {
        self.subject = subject
        self.form = form
        self.effect = effect
        self.caseID = caseID
        self.covers = covers
        self.date = date
        self.due = due
        self.currency = currency
        self.rate = rate
        self.total = total
        self.lines = lines
        self.party = party
        self.appliesTo = appliesTo
        self.findings = findings
        self.reference = reference
        self.note = note
        self.memo = memo
        self.taxOverride = taxOverride
        self.notBefore = notBefore
    }

    public var id: Reference { Reference(form: form, subject: subject) }
}
