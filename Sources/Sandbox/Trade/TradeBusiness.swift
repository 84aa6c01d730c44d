/// A client business of `tenants/mixed`: where it sells, and the accounts that its tenant file binds.
enum TradeBusiness: String, CaseIterable, Sendable {
    case soundStudio = "sound-studio"
    case oaklandMugs = "oakland-mugs"
    case pierStore = "pier-store"
    case marketStall = "market-stall"
    case cornerCafe = "corner-cafe"
    case banksidePots = "bankside-pots"

    struct Accounts: Sendable {
        var receivable: String, sales: String, shipping: String, tax: String, returns: String, tips: String, clearing: String, bank: String, fees: String
    }

    static let paper = "paper"
    /// Whether Stripe's money is real there.
    var isLive: Bool { self != .cornerCafe }

    /// The twin where it sells.
    var source: String {
        switch self {
        case .soundStudio, .cornerCafe: "stripe"
        case .oaklandMugs, .banksidePots: "woocommerce"
        case .pierStore, .marketStall: "square"
        }
    }

    /// The twin that has its books; `paper` is what was brought there by file.
    var ledger: String {
        switch self {
        case .soundStudio: "odoo"
        case .oaklandMugs: "intacct"
        case .pierStore: "netsuite"
        case .marketStall: "qbo"
        case .cornerCafe: Self.paper
        case .banksidePots: "freeagent"
        }
    }

    /// Whether somebody pays out what was taken: a shop's gateways have no connection of their own.
    var isPaidOut: Bool { source != "woocommerce" }

    var zone: String {
        switch self {
        case .soundStudio, .cornerCafe: "America/Chicago"
        case .oaklandMugs, .pierStore, .marketStall: "America/Los_Angeles"
        case .banksidePots: "Europe/London"
        }
    }

    /// A seller's place at Square; empty elsewhere.
    var location: String { self == .pierStore ? "LRJNZCB190DTQ" : self == .marketStall ? "LMARKETSTALL2" : "" }

    /// The shop at WooCommerce; empty elsewhere.
    var shop: String { self == .oaklandMugs ? "prairie" : self == .banksidePots ? "thames" : "" }

    var accounts: Accounts {
        switch self {
        case .soundStudio:
            Accounts(
                receivable: "121000", sales: "400000", shipping: "", tax: "251000", returns: "400910", tips: "", clearing: "101601", bank: "101401",
                fees: "620000")
        case .cornerCafe:
            Accounts(receivable: "1200", sales: "4000", shipping: "", tax: "2200", returns: "4910", tips: "", clearing: "1010", bank: "1000", fees: "6200")
        case .oaklandMugs:
            Accounts(receivable: "1200", sales: "4100", shipping: "4500", tax: "2200", returns: "4910", tips: "", clearing: "1050", bank: "1000", fees: "6200")
        case .pierStore:
            Accounts(receivable: "1100", sales: "4100", shipping: "", tax: "2100", returns: "4910", tips: "2210", clearing: "1020", bank: "1000", fees: "6200")
        case .marketStall:
            Accounts(receivable: "1200", sales: "4010", shipping: "", tax: "2200", returns: "4910", tips: "2320", clearing: "1310", bank: "1000", fees: "7900")
        case .banksidePots:
            Accounts(receivable: "681", sales: "010", shipping: "012", tax: "819", returns: "014", tips: "", clearing: "750-4", bank: "750-1", fees: "363")
        }
    }
}

/// What one thing that happened must lead to in the books: one document with this reference and these sums.
struct TradeEntry: Sendable {
    var business: TradeBusiness
    /// `order 1042`, `transaction ch_3Et1`, `refund 1043`, `payout po_1rnN`.
    var reference: String
    /// The business's own calendar day; none where the processor alone says on which day money arrives.
    var day: String?
    /// Debit positive, by account.
    var sums: [String: Int64]
}
