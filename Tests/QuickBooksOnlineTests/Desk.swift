import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

/// Documents, accounts and answers of a US shop, with defaults.
enum Desk {
    static let connector = QuickBooksOnlineConnector()
    static let facts = ConnectionFacts(account: "9130350000000001")
    static let date = LocalDate(daysSince1970: 20_771)  // 2026-11-14
    static let base = "/v3/company/9130350000000001"

    static func key(_ n: Int) -> PostKey {
        let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")
        let tail = String([alphabet[n / 32 % 32], alphabet[n % 32]])
        return PostKey("k7q2m9x4wz3r8t" + tail) ?? fallback
    }
    private static let fallback = PostKey("0000000000000000").unsafelyUnwrapped

    static func usd(_ text: String) -> Money { money(text, .usd) }

    static func money(_ text: String, _ currency: Currency) -> Money {
        guard let money = Money(text, currency) else {
            Issue.record("\(text) is no amount of \(currency)")
            return .zero(currency)
        }
        return money
    }

    /// Remote ids are the account's code behind an `A`.
    static func account(_ code: String, bound: Bool = true) -> BoundAccount {
        BoundAccount(
            code: code, remoteID: bound ? "A\(code)" : nil, name: "account \(code)", active: true, rule: "test")
    }

    static func line(
        _ part: PostingLine.Part, _ role: Role, _ code: String, _ amount: String, group: String = "", text: String = "",
        sku: String = "", quantity: Int? = nil, item: String? = nil, currency: Currency = .usd
    ) -> LedgerDocument.Line {
        let plan = PostingLine(
            part, role: role, amount: money(amount, currency), group: group, derivedFrom: ["O-1"], text: text, sku: sku,
            quantity: quantity.map { ExactDecimal($0) })
        return LedgerDocument.Line(plan: plan, account: account(code), item: item)
    }

    static func document(
        _ form: PostingForm, _ n: Int = 1, total: String, party: String? = "58", appliesTo: String? = nil,
        reference: String = "order 6120034117000", note: String? = nil, rate: String? = nil, currency: Currency = .usd,
        remoteID: String? = nil, effect: PlannedPosting.Effect = .post, _ lines: [LedgerDocument.Line]
    ) -> LedgerDocument {
        var plan = PlannedPosting(
            subject: "O-\(n)", form: form, effect: effect, caseID: "O-\(n)", covers: ["O-\(n)"], date: date,
            currency: currency, rate: rate.flatMap { ExactDecimal($0) }, total: money(total, currency),
            lines: lines.map(\.plan), party: "shop", note: note)
        if appliesTo != nil { plan.appliesTo = PlannedPosting.Reference(form: .invoice, subject: "O-\(n)") }
        return LedgerDocument(
            key: key(n), revision: 1, plan: plan, lines: lines, reference: reference, party: party,
            appliesTo: appliesTo,
            remoteID: remoteID)
    }

    /// Two mugs at 20.00 with 3.28 tax, and 5.00 shipping without.
    static func invoice(_ n: Int = 1, remoteID: String? = nil) -> LedgerDocument {
        document(
            .invoice, n, total: "48.28", remoteID: remoteID,
            [
                line(.control, "receivable:shop", "1200", "48.28"),
                line(
                    .goods, "sales:homeware", "4010", "-40.00", group: "L1", text: "Mug", sku: "MUG-1", quantity: 2,
                    item: "19"),
                line(.tax, "tax_payable:US-CO", "2200", "-3.28", group: "L1"),
                line(.shipping, "shipping_income", "4100", "-5.00", group: "S1", text: "Post", quantity: 1, item: "20"),
            ])
    }

    static func payment(_ n: Int = 2, _ amount: String = "48.28", remoteID: String? = nil) -> LedgerDocument {
        document(
            .payment, n, total: amount, appliesTo: "145", reference: "transaction 7300400500001", remoteID: remoteID,
            [
                line(.tender, "clearing:shopify_payments:USD", "1310", amount),
                line(.control, "receivable:shop", "1200", "-" + amount),
            ])
    }

    static func refund(_ n: Int = 3, remoteID: String? = nil) -> LedgerDocument {
        document(
            .refundPayment, n, total: "21.64", reference: "refund 939100200011", remoteID: remoteID,
            [
                line(.control, "receivable:shop", "1200", "21.64"),
                line(.tender, "clearing:shopify_payments:USD", "1310", "-21.64"),
            ])
    }

    /// One mug back, 1.64 tax, 3.00 kept.
    static func credit(_ n: Int = 4, remoteID: String? = nil) -> LedgerDocument {
        document(
            .creditNote, n, total: "18.64", reference: "refund 939100200011", remoteID: remoteID,
            [
                line(
                    .goods, "returns_allowances", "4910", "20.00", group: "L1", text: "Mug", sku: "MUG-1", quantity: 1,
                    item: "31"),
                line(.tax, "tax_payable:US-CO", "2200", "1.64", group: "L1"),
                line(.fee, "restocking_fee_income", "4110", "-3.00", group: "fee", text: "Restocking fee", item: "32"),
                line(.control, "receivable:shop", "1200", "-18.64"),
            ])
    }

    /// Twenty cups at 4.00 and their freight, without tax.
    static func bill(_ n: Int = 5, remoteID: String? = nil, form: PostingForm = .bill) -> LedgerDocument {
        document(
            form, n, total: "92.50", reference: "bill 7", remoteID: remoteID,
            [
                line(.goods, "inventory", "1400", "80.00", group: "G1", text: "Cup", sku: "CUP-1", quantity: 20),
                line(.shipping, "landed_cost_clearing", "2150", "12.50", group: "F1", text: "Freight"),
                line(.control, "payable:supplier", "2000", "-92.50"),
            ])
    }

    static func order(_ n: Int = 6, remoteID: String? = nil) -> LedgerDocument { bill(n, remoteID: remoteID, form: .purchaseOrder) }

    // MARK: Playing an exchange

    enum Ending<Output: Sendable>: Sendable {
        case finished(Output)
        case failed(Fault)
        /// The connector's judge did not accept an answer.
        case judged(Verdict)
        /// Another answer is wanted.
        case open
    }

    /// Hands out `answers` one by one, each only when the judge accepts it, as the courier does.
    static func play<Output>(_ exchange: Exchange<Output>, _ answers: [HTTPResponse]) -> (
        ending: Ending<Output>, calls: [Call]
    ) {
        var step = exchange
        var calls: [Call] = []
        var left = answers[...]
        while true {
            switch step {
            case .finish(let output): return (.finished(output), calls)
            case .fail(let fault): return (.failed(fault), calls)
            case .send(let call, let then):
                calls.append(call)
                guard let answer = left.popFirst() else { return (.open, calls) }
                let verdict = connector.judge(answer, to: call)
                guard verdict == .accepted else { return (.judged(verdict), calls) }
                step = then(answer)
            }
        }
    }

    static func finished<Output>(_ exchange: Exchange<Output>, _ answers: [HTTPResponse]) throws -> Output {
        guard case .finished(let output) = play(exchange, answers).ending else { throw Unfinished() }
        return output
    }

    struct Unfinished: Error {}

    static func answer(_ text: String, _ status: Int = 200) -> HTTPResponse {
        HTTPResponse(status, fields: ["Content-Type": "application/json"], body: Array(text.utf8))
    }

    static func fault(_ code: String, _ message: String = "No", type: String = "ValidationFault") -> String {
        #"{"Fault":{"Error":[{"Message":"\#(message)","Detail":"","code":"\#(code)"}],"type":"\#(type)"}}"#
    }

    static func json(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

    /// The body of the first call that creating the documents makes.
    static func sent(_ documents: LedgerDocument...) throws -> JSON {
        let calls = play(connector.create(documents, attempt: "attempt-1", facts), []).calls
        guard let call = calls.first else { throw Unfinished() }
        return try JSON(parsing: call.request.body)
    }
}
