import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import FreeAgent

let connector = FreeAgentConnector()
let facts = ConnectionFacts(account: "mycompany")
let day = LocalDate(year: 2026, month: 11, day: 14) ?? LocalDate(daysSince1970: 0)
let host = "https://api.freeagent.com/v2"

/// `0000000000000001`.
func key(_ n: Int = 1) -> PostKey {
    guard let key = PostKey(String(String(repeating: "0", count: 15) + String(n)).suffix(16)) else { preconditionFailure("a number is a key") }
    return key
}

/// A line on a category, debit positive; `tax`: canonical code, `rate`: FreeAgent's.
func line(
    _ part: PostingLine.Part, _ role: Role, _ amount: Int64, _ account: BoundAccount, tax: String? = nil, rate: String? = nil, group: String = "",
    text: String = "", _ currency: Currency = .gbp, base: Int64? = nil
) -> LedgerDocument.Line {
    LedgerDocument.Line(
        plan: PostingLine(
            part, role: role, amount: Money(minor: amount, currency), base: base.map { Money(minor: $0, .gbp) }, taxCode: tax, group: group,
            derivedFrom: ["e"], text: text),
        account: account, taxCode: rate)
}

func category(_ code: String, type: String = "income") -> BoundAccount {
    BoundAccount(code: code, remoteID: code, name: "Category \(code)", active: true, rule: "test", type: type)
}

func bank(_ id: Int, _ currency: Currency? = nil) -> BoundAccount {
    BoundAccount(code: "750-\(id)", remoteID: "bank_accounts/\(id)", name: "Bank \(id)", active: true, rule: "test", currency: currency, type: "bank")
}

func owed(_ amount: Int64, _ currency: Currency = .gbp, base: Int64? = nil) -> LedgerDocument.Line {
    line(.control, "receivable:shop", amount, category("681", type: "general"), currency, base: base)
}

func goods(_ amount: Int64, rate: String? = "20", group: String = "L1", text: String = "Mug", _ currency: Currency = .gbp) -> LedgerDocument.Line {
    line(.goods, "sales:homeware", amount, category("001"), tax: rate.map { "GB@\($0)" }, rate: rate, group: group, text: text, currency)
}

func vat(_ amount: Int64, rate: String = "20", group: String = "L1", _ currency: Currency = .gbp) -> LedgerDocument.Line {
    line(.tax, "tax_payable:GB", amount, category("817", type: "general"), tax: "GB@\(rate)", rate: rate, group: group, currency)
}

func document(
    _ form: PostingForm, _ lines: [LedgerDocument.Line], _ n: Int = 1, total: Int64? = nil, currency: Currency = .gbp, rate: ExactDecimal? = nil,
    against: PostingForm? = nil, appliesTo: String? = nil, remoteID: String? = nil, effect: PlannedPosting.Effect = .post, words: String? = nil
) -> LedgerDocument {
    let sum = total ?? lines.filter { $0.plan.part == .control }.map { abs($0.plan.amount.minor) }.max() ?? 0
    let plan = PlannedPosting(
        subject: "O-\(n)", form: form, effect: effect, caseID: "O-\(n)", covers: ["O-\(n)"], date: day, currency: currency, rate: rate,
        total: Money(minor: sum, currency), lines: lines.map(\.plan), party: "shop", appliesTo: against.map { .init(form: $0, subject: "O-\(n)") }, reference: words)
    return LedgerDocument(
        key: key(n), revision: 1, plan: plan, lines: lines, reference: "order \(n)", party: "2", appliesTo: appliesTo, remoteID: remoteID)
}

/// A sale of 100.00 and 20.00 of VAT.
func sale(_ n: Int = 1, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(.invoice, [owed(12_000), goods(-10_000), vat(-2_000)], n, remoteID: remoteID, effect: effect)
}

func refundNote(_ n: Int = 1, remoteID: String? = nil) -> LedgerDocument {
    document(.creditNote, [goods(10_000), vat(2_000), owed(-12_000)], n, remoteID: remoteID)
}

/// 120.00 for the invoice 3, on the bank account 5.
func payment(_ n: Int = 1, fee: Int64 = 0, remoteID: String? = nil, to account: BoundAccount = bank(5)) -> LedgerDocument {
    var lines = [line(.tender, "clearing:card:GBP", 12_000 - fee, account), owed(-12_000)]
    if fee != 0 { lines.append(line(.fee, "bank_fees", fee, category("363", type: "admin_expenses"))) }
    return document(.payment, lines, n, against: .invoice, appliesTo: "3", remoteID: remoteID)
}

/// 117.00 to the bank account 1, 3.00 of fees, 120.00 off the processor's account 5.
func payout(_ n: Int = 1, remoteID: String? = nil) -> LedgerDocument {
    document(.payout, [
        line(.tender, "bank:GBP", 11_700, bank(1)), line(.control, "clearing:card:GBP", -12_000, bank(5)),
        line(.fee, "processor_fees", 300, category("363", type: "admin_expenses")),
    ], n, total: 11_700, remoteID: remoteID)
}

func tips(_ n: Int = 1, remoteID: String? = nil) -> LedgerDocument {
    document(.journal, [line(.control, "tips_payable", 500, category("731", type: "general")), line(.other, "wages", -500, category("401"))], n, total: 500, remoteID: remoteID)
}

// MARK: Driving

/// Plays answers as the courier would: what `judge` does not accept never reaches the exchange. `nil`: there were more calls than answers, or
/// one was not accepted (then `verdict` says why).
func drive<Output: Sendable>(_ exchange: Exchange<Output>, _ answers: [HTTPResponse] = []) -> (output: Output?, calls: [Call], fault: Fault?, verdict: Verdict?) {
    var step = exchange, calls: [Call] = []
    for answer in answers.map(Optional.some) + [nil] {
        switch step {
        case .finish(let output): return (output, calls, nil, nil)
        case .fail(let fault): return (nil, calls, fault, nil)
        case .send(let call, let then):
            calls.append(call)
            guard let answer else { return (nil, calls, nil, nil) }
            let verdict = connector.judge(answer, to: call)
            guard verdict == .accepted else { return (nil, calls, nil, verdict) }
            step = then(answer)
        }
    }
    return (nil, calls, nil, nil)
}

/// Why a document was refused; `nil` where it was not.
func rejected(_ outcome: PostOutcome?) -> Fault? { if case .rejected(let fault)? = outcome { fault } else { nil } }
func rejected(_ verdict: Verdict?) -> Fault? { if case .rejected(let fault)? = verdict { fault } else { nil } }
func isDuplicate(_ verdict: Verdict?) -> Bool { if case .duplicate? = verdict { true } else { false } }
func isUnknown(_ outcome: PostOutcome?) -> Bool { if case .unknown? = outcome { true } else { false } }
func isDuplicate(_ outcome: PostOutcome?) -> Bool { if case .duplicate? = outcome { true } else { false } }

func said(_ calls: [Call]) -> [String] { calls.map { "\($0.request.method.rawValue) \($0.request.target)" } }

func answer(_ text: String, status: Int = 200, _ fields: HTTPFields = [:]) -> HTTPResponse { HTTPResponse(status, fields: fields, body: Array(text.utf8)) }
let nothing = HTTPResponse(200)
func refusal(_ message: String, status: Int = 422) -> HTTPResponse { answer(#"{"errors":[{"message":"\#(message)"}]}"#, status: status) }

func body(_ call: Call) throws -> JSON { try JSON(parsing: call.request.body) }

/// An invoice as it is shown.
func shown(
    _ kind: String = "invoice", id: String = "3", status: String = "Draft", total: String = "120.0", tax: String? = "20.0", n: Int = 1, due: String? = nil,
    items: String = #"{"url":"https://api.freeagent.com/v2/invoice_items/9","description":"Mug","price":"100.0","quantity":"1.0","sales_tax_rate":"20.0","category":"https://api.freeagent.com/v2/categories/001"}"#
) -> String {
    let tax = tax.map { #""sales_tax_value":"\#($0)","# } ?? ""
    return """
        {"url":"\(host)/\(kind)s/\(id)","contact":"\(host)/contacts/2","dated_on":"2026-11-14","reference":"\(key(n))","currency":"GBP","net_value":"100.0",\(tax)
        "total_value":"\(total)","paid_value":"0.0","due_value":"\(due ?? total)","status":"\(status)","updated_at":"2026-11-14T10:00:00Z","\(kind)_items":[\(items)]}
        """
}

func one(_ kind: String, _ record: String, status: Int = 200, at location: String? = nil) -> HTTPResponse {
    answer(#"{"\#(kind)":\#(record)}"#, status: status, location.map { ["Location": "\(host)/\($0)"] } ?? [:])
}

func list(_ kind: String, _ records: [String] = [], _ fields: HTTPFields = [:]) -> HTTPResponse {
    answer(#"{"\#(kind)":[\#(records.joined(separator: ","))]}"#, fields)
}

/// An explanation as it is shown.
func explanation(
    _ id: Int = 12, on bank: Int = 5, _ value: String = "120.0", mark: String? = "cf:0000000000000001 1/1 order 1",
    _ more: String = #""paid_invoice":"https://api.freeagent.com/v2/invoices/3""#
) -> String {
    """
    {"url":"\(host)/bank_transaction_explanations/\(id)","bank_transaction":"\(host)/bank_transactions/\(id - 4)","bank_account":"\(host)/bank_accounts/\(bank)",
    "dated_on":"2026-11-14","description":"\(mark ?? "by hand")","gross_value":"\(value)","is_deletable":true,"updated_at":"2026-11-14T10:00:00.000Z",\(more)}
    """
}
