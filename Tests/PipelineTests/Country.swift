import Books
import ConnectorKit
import FreeAgent
import HTTPServer
import Kernel
import Odoo
import Postgres
import QuickBooksOnline
import SageIntacct
import SapBusinessOne
import TestKit
import Testing
import TwinFreeAgent
import TwinKit
import TwinOdoo
import TwinQuickBooksOnline
import TwinSageIntacct
import TwinSapBusinessOne
import TwinXero
import Wire
import Xero

/// A ledger's twin with its real connector behind the real pipeline.
struct Country: Sendable {
    var name: String
    var currency: Currency
    var plan: House.Plan
    var connector: any LedgerConnector
    var make: @Sendable () throws -> any LedgerTwin
    /// Where nothing grants tokens: what a person gives.
    var parts: String?
    /// What a changed entry leaves there beside the one that stands: itself and its reversal, where an entry can't be changed.
    var entriesAChange = 0
    /// Accounts of the twin, by what they are here.
    var bank: String, clearing: String, fees: String, owed: String
    /// What is owed to suppliers there.
    var payable = "2000"
    /// The connection's own.
    var settings: String?
    /// All that is given to be let in, where it is neither parts nor a token that is refreshed.
    var credential: String?

    static let america = Country(
        name: "QuickBooks Online", currency: .usd,
        plan: {
            var plan = House.Plan()
            plan.ledgerAccount = "9130350000000001"
            plan.structure = #"""
                {"accounts": {"sales:*": "4010", "receivable:*": "1200", "clearing:*": "1310", "tax_payable:*": "2200", "returns_allowances": "4910",
                  "bank:*": "1000", "bank_fees": "7900", "processor_fees": "7900", "chargebacks": "7900", "chargeback_fees": "7900",
                  "customer_deposits": "2310", "deferred_revenue": "2320", "inventory": "5000", "payable:*": "2000", "purchases:*": "6000", "input_tax:*": "6100"}}
                """#
            return plan
        }(),
        connector: QuickBooksOnlineConnector(), make: { try QuickBooksOnlineTwin(journal: TwinJournal(inMemory: []), limits: .none, random: SeededRandom(seed: 7)) },
        bank: "1000", clearing: "1310", fees: "7900", owed: "1200")

    static let britain = Country(
        name: "Xero", currency: .gbp,
        plan: {
            var plan = House.Plan()
            plan.ledgerAccount = XeroTwin.tenantID
            plan.country = "GB"
            plan.currency = "GBP"
            plan.structure = #"""
                {"accounts": {"sales:*": "200", "receivable:*": "610", "clearing:*": "611", "tax_payable:*": "820", "returns_allowances": "206",
                  "bank:*": "090", "bank_fees": "860", "processor_fees": "860", "chargebacks": "860", "chargeback_fees": "860",
                  "customer_deposits": "831", "deferred_revenue": "832", "inventory": "310", "payable:*": "800", "purchases:*": "429", "input_tax:*": "820"},
                  "tax_codes": {"GB@0": "ZERORATEDOUTPUT", "purchase:GB@20": "INPUT2"}}
                """#
            return plan
        }(),
        connector: XeroConnector(),
        make: {
            try XeroTwin(
                journal: TwinJournal(inMemory: []), limits: XeroLimits(callsPerMinute: 1_000_000, callsPerDay: 1_000_000, appCallsPerMinute: 1_000_000),
                random: SeededRandom(seed: 7))
        },
        bank: "090", clearing: "611", fees: "860", owed: "610", payable: "800")

    /// Money that moves stands on bank accounts there, what a processor holds and what was paid in advance too.
    static let kingdom = Country(
        name: "FreeAgent", currency: .gbp,
        plan: {
            var plan = House.Plan()
            plan.ledgerAccount = "thamespottery"
            plan.country = "GB"
            plan.currency = "GBP"
            plan.structure = #"""
                {"accounts": {"sales:*": "010", "receivable:*": "681", "clearing:*": "750-4", "tax_payable:*": "819", "returns_allowances": "014",
                  "bank:*": "750-1", "bank_fees": "363", "processor_fees": "363", "chargebacks": "363", "chargeback_fees": "363",
                  "customer_deposits": "750-2", "deferred_revenue": "731", "inventory": "731", "payable:*": "731", "purchases:*": "285", "input_tax:*": "819"}, "tax_codes": {"GB@0": "0"}}
                """#
            return plan
        }(),
        connector: FreeAgentConnector(),
        make: {
            try FreeAgentTwin(
                journal: TwinJournal(inMemory: []), limits: FreeAgentLimits(callsPerMinute: 1_000_000, callsPerHour: 1_000_000, refreshesPerMinute: 1_000_000),
                random: SeededRandom(seed: 7))
        },
        bank: "750-1", clearing: "750-4", fees: "363", owed: "681")

    /// Somebody logs in there: sessions end, and nothing of what is written has a key that the platform knows.
    static let server = Country(
        name: "SAP Business One", currency: .gbp,
        plan: {
            var plan = House.Plan()
            plan.ledgerAccount = "SBODemoGB"
            plan.country = "GB"
            plan.currency = "GBP"
            plan.structure = #"""
                {"accounts": {"sales:*": "40000", "receivable:*": "12000", "clearing:*": "11300", "tax_payable:*": "22000", "returns_allowances": "40100",
                  "bank:*": "11100", "bank_fees": "60000", "processor_fees": "60000", "chargebacks": "60000", "chargeback_fees": "60000",
                  "customer_deposits": "23000", "deferred_revenue": "23000", "inventory": "13000", "payable:*": "20000", "purchases:*": "61000", "input_tax:*": "22100"}, "tax_codes": {"GB@0": "O0", "purchase:GB@20": "I1"}}
                """#
            return plan
        }(),
        connector: SapBusinessOneConnector(), make: { try SapBusinessOneTwin(journal: TwinJournal(inMemory: []), random: SeededRandom(seed: 7)) },
        parts: "{\"user\": \"\(SapBusinessOneTwin.user)\", \"password\": \"\(SapBusinessOneTwin.password)\"}", entriesAChange: 2,
        bank: "11100", clearing: "11300", fees: "60000", owed: "12000", payable: "20000")

    /// A document is created as a draft there, brought to the cent, and posted: three transactions, and no key that a request is known by.
    static let workshop = Country(
        name: "Odoo", currency: .usd,
        plan: {
            var plan = House.Plan()
            plan.ledgerAccount = "odoo19"
            plan.structure = #"""
                {"accounts": {"sales:*": "400100", "receivable:*": "121000", "clearing:*": "101601", "tax_payable:*": "251000", "returns_allowances": "400910",
                  "bank:*": "101401", "bank_fees": "620000", "processor_fees": "620000", "chargebacks": "620000", "chargeback_fees": "620000",
                  "customer_deposits": "253000", "deferred_revenue": "253000", "inventory": "600000", "payable:*": "211000", "purchases:*": "600000", "input_tax:*": "131000"},
                  "tax_codes": {"purchase:US-PA@20": "3"}}
                """#
            return plan
        }(),
        connector: OdooConnector(),
        make: { try OdooTwin(journal: TwinJournal(inMemory: []), limits: OdooLimits(callsPerSecond: 10_000, burst: 1_000_000), random: SeededRandom(seed: 7)) },
        parts: "{\"api_key\": \"\(OdooTwin.apiKey)\"}", bank: "101401", clearing: "101601", fees: "620000", owed: "121000", payable: "211000")

    /// A gateway of functions in XML; it takes bills, and no purchase orders.
    static let gateway = Country(
        name: "Sage Intacct", currency: .usd,
        plan: {
            var plan = House.Plan()
            plan.ledgerAccount = "Solo"
            plan.structure = #"""
                {"accounts": {"sales:*": "4100", "receivable:*": "1200", "clearing:*": "1050", "tax_payable:*": "2200", "returns_allowances": "4910",
                  "bank:*": "1000", "bank_fees": "6200", "processor_fees": "6200", "chargebacks": "6200", "chargeback_fees": "6200",
                  "customer_deposits": "2350", "deferred_revenue": "2350", "inventory": "1300", "payable:*": "2000", "purchases:*": "6000", "input_tax:*": "1350"}}
                """#
            return plan
        }(),
        connector: SageIntacctConnector(), make: { try SageIntacctTwin(journal: TwinJournal(inMemory: []), random: SeededRandom(seed: 7)) },
        parts: #"{"sender_id": "\#(SageIntacctTwin.senderID)", "sender_password": "\#(SageIntacctTwin.senderPassword)", "user_id": "\#(SageIntacctTwin.userID)", "user_password": "\#(SageIntacctTwin.userPassword)"}"#,
        bank: "1000", clearing: "1050", fees: "6200", owed: "1200")

    func money(_ minor: Int64) -> Money { Money(minor: minor, currency) }

    func sale(_ order: String = "O-1", _ minor: Int64 = 10_000, version: Int64 = 1) -> SourceDocument {
        let line = SaleLine(
            id: "L1", sku: "CUP", title: "Cup", group: "cups", quantity: .one, gross: money(minor), discount: money(0), net: money(minor),
            taxes: [TaxPart(jurisdiction: currency == .gbp ? "GB" : "US-PA", rate: .zero, amount: money(0))])
        let body = Sale(number: "#\(order)", source: "shop", currency: currency, taxIncluded: false, lines: [line], total: money(minor))
        return SourceDocument(id: order, caseID: order, version: version, at: at("2026-11-02T10:00:00Z"), body: .sale(body))
    }

    func payment(_ id: String = "P-1", of order: String = "O-1", _ minor: Int64 = 10_000, gateway: String = "card", reference: String? = nil) -> SourceDocument {
        SourceDocument(
            id: id, caseID: order, version: 1, at: at("2026-11-02T10:01:00Z"),
            body: .payment(Payment(gateway: gateway, amount: money(minor), status: .success, reference: reference)))
    }

    func refund(_ minor: Int64 = 4_000) -> SourceDocument {
        let line = RefundLine(
            line: "L1", quantity: .one, net: money(minor), taxes: [TaxPart(jurisdiction: currency == .gbp ? "GB" : "US-PA", rate: .zero, amount: money(0))])
        let body = Refund(
            currency: currency, taxIncluded: false, lines: [line], total: money(minor),
            transactions: [MoneyMovement(id: "T1", gateway: "card", amount: money(minor), status: .success)])
        return SourceDocument(id: "R-1", caseID: "O-1", version: 1, at: at("2026-11-03T10:00:00Z"), body: .refund(body))
    }

    func payout(_ fee: Int64 = 320, status: Payout.Status = .paid, version: Int64 = 1) -> SourceDocument {
        let row = PayoutRow(id: "b1", kind: .charge, ref: "P-1", amount: money(10_000), fee: money(fee), net: money(10_000 - fee))
        return SourceDocument(
            id: "PO-1", caseID: "PO-1", version: version, at: at("2026-11-04T08:00:00Z"),
            body: .payout(Payout(gateway: "card", amount: money(10_000 - fee), status: status, rows: [row])))
    }

    /// `between` may stand between the pipeline and the twin.
    func with(
        _ policies: [(name: String, value: String)] = [],
        between: @escaping @Sendable (any LedgerTwin, HTTPRequest, @Sendable (HTTPRequest) -> HTTPResponse) -> HTTPResponse = { $2($1) },
        _ body: @Sendable (Desk, any LedgerTwin) async throws -> Void
    ) async throws {
        let twin = try make()
        let clocks = SystemClocks()
        var plan = plan
        plan.policies = policies
        plan.credential = try credential ?? parts.map { "{\"parts\": \($0)}" } ?? "{\"access_token\": \"\(Self.token(of: twin, clocks.now()))\"}"
        let answer: @Sendable (HTTPRequest) -> HTTPResponse = { twin.respond($0, at: clocks.now()) }
        try await Desk.with(plan, connector: connector, answering: { between(twin, $0, answer) }) { desk in
            if let settings {
                try await desk.house.owner.query("UPDATE app.connections SET settings = \(settings)::jsonb WHERE id = \(desk.house.ledger)")
            }
            try await body(desk, twin)
        }
    }

    private static func token(of twin: any LedgerTwin, _ now: Timestamp) throws -> String {
        let request = try #require(twin.refresh(with: String(twin.prefix.dropFirst()) + "-refresh-0"))
        return try #require(try JSON(parsing: twin.respond(request, at: now).body)["access_token"]?.string)
    }

    /// What the twin's own books say of an account.
    func balance(_ twin: any LedgerTwin, _ account: String) -> Int64 {
        twin.entries().filter(\.live).flatMap(\.lines).filter { $0.account == account }.map(\.baseMinor).reduce(0, +)
    }
}
