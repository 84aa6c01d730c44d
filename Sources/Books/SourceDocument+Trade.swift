public import Kernel

/// Import duty taken at checkout and owed to carrier or customs: neither sale nor tax of ours.
public struct Duty: Sendable, Equatable {
    public var id: String
    public var amount: Money
    /// Whose duty: `US`.
    public var jurisdiction: String?

    public init(id: String, amount: Money, jurisdiction: String? = nil) {
        self.id = id
        self.amount = amount
        self.jurisdiction = jurisdiction
    }
}

/// Why a sale carries no tax of ours.
public struct TaxRelief: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Services to a business in another member state: the customer accounts for the tax.
        case reverseChargeServices = "reverse_charge_eu_services"
        /// Certain goods and services at home: the customer accounts for the tax.
        case domesticReverseCharge = "domestic_reverse_charge"
        case export = "export_zero_rated"

        /// The customer's tax number is part of the claim.
        public var needsNumber: Bool { self != .export }
    }

    public var kind: Kind
    public var customerNumber: String?
    /// The tax that the customer accounts for: a note, in no line.
    public var dueFromCustomer: Money?
    /// The customs reference that proves an export.
    public var evidence: String?

    public init(kind: Kind, customerNumber: String? = nil, dueFromCustomer: Money? = nil, evidence: String? = nil) {
        self.kind = kind
        self.customerNumber = customerNumber
        self.dueFromCustomer = dueFromCustomer
        self.evidence = evidence
    }
}

/// Goods of an order that left: a note on it.
public struct Fulfilment: Sendable, Equatable {
    public struct Line: Sendable, Equatable {
        /// The order's line.
        public var line: String
        public var quantity: ExactDecimal

        public init(line: String, quantity: ExactDecimal) {
            self.line = line
            self.quantity = quantity
        }
    }

    /// Empty, and not of all: it was undone.
    public var lines: [Line]
    /// All that had not left by then, whatever that was.
    public var isAll: Bool

    public init(lines: [Line], isAll: Bool = false) {
        self.lines = lines
        self.isAll = isAll
    }
}

/// Something that happened to stock other than a sale or a return.
public struct StockMovement: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// What the ledger starts with: no posting of ours.
        case opening
        /// Goods received, with what they cost.
        case receipt
        /// Counted: `quantity` is the difference to what was expected.
        case count
        /// Freight, duty or insurance of an earlier receipt.
        case landedCost = "landed_cost"
    }

    public struct Line: Sendable, Equatable {
        public var id: String
        public var sku: String
        public var quantity: ExactDecimal
        /// What all units of the line cost; `nil` in a count.
        public var value: Money?

        public init(id: String, sku: String, quantity: ExactDecimal, value: Money? = nil) {
            self.id = id
            self.sku = sku
            self.quantity = quantity
            self.value = value
        }
    }

    public var kind: Kind
    public var currency: Currency
    /// Empty in a landed cost.
    public var lines: [Line]
    /// Of a landed cost: the receipt's document and the amount.
    public var receipt: String?
    public var amount: Money?
    public var reasonCode: String?

    public init(
        kind: Kind, currency: Currency, lines: [Line], receipt: String? = nil, amount: Money? = nil,
        reasonCode: String? = nil
    ) {
        self.kind = kind
        self.currency = currency
        self.lines = lines
        self.receipt = receipt
        self.amount = amount
        self.reasonCode = reasonCode
    }
}
