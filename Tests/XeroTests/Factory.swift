import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Xero

let connector = XeroConnector()
let facts = ConnectionFacts(account: "aef86862-2015-4b6b-88bc-d89032cecc50")
let contact = "430fa14a-f945-44d3-9f97-5df5e28441b8"

/// `0000000000000001`.
func key(_ n: Int = 1) -> PostKey {
    let digits = String(n)
    guard let key = PostKey(String(repeating: "0", count: 16 - digits.count) + digits) else {
        preconditionFailure("a number is a key")
    }
    return key
}

/// `00000000-0000-4000-8000-000000000001`.
func guid(_ n: Int) -> String {
    "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - String(n).count) + String(n)
}

let day = LocalDate(year: 2026, month: 11, day: 14) ?? LocalDate(daysSince1970: 0)

func decimal(_ text: String) -> ExactDecimal {
    guard let decimal = ExactDecimal(text) else { preconditionFailure("a test's number is a number") }
    return decimal
}

/// A bound line. `amount`: minor units, debit positive; `tax`: canonical code; `type`: Xero's.
func line(
    _ part: PostingLine.Part, _ role: Role, _ amount: Int64, _ account: String, tax: String? = nil, type: String? = nil,
    group: String = "",
    text: String = "", sku: String = "", currency: Currency = .gbp, base: Int64? = nil, id: String? = nil,
    name: String = "an account"
) -> LedgerDocument.Line {
    LedgerDocument.Line(
        plan: PostingLine(
            part, role: role, amount: Money(minor: amount, currency), base: base.map { Money(minor: $0, .gbp) },
            taxCode: tax, group: group,
            derivedFrom: ["e"], text: text, sku: sku),
        account: BoundAccount(code: account, remoteID: id ?? guid(9), name: name, active: true, rule: "test"),
        taxCode: type)
}

func control(_ amount: Int64, currency: Currency = .gbp) -> LedgerDocument.Line {
    line(.control, "receivable:shop", amount, "610", currency: currency)
}

func vat(_ amount: Int64, _ code: String = "GB@20", group: String, currency: Currency = .gbp) -> LedgerDocument.Line {
    line(.tax, "tax_payable:GB", amount, "820", tax: code, group: group, currency: currency)
}

/// A document of the lines; its total is the control line's amount unless given.
func document(
    _ form: PostingForm, _ lines: [LedgerDocument.Line], key k: PostKey = key(), currency: Currency = .gbp,
    total: Int64? = nil,
    rate: ExactDecimal? = nil, reference: String = "order 6120034117000", words: String? = nil, note: String? = nil,
    effect: PlannedPosting.Effect = .post, party: String? = contact, appliesTo: String? = nil,
    against: PostingForm? = nil,
    remoteID: String? = nil, date: LocalDate = day
) -> LedgerDocument {
    let sum = total ?? lines.filter { $0.plan.part == .control }.map { abs($0.plan.amount.minor) }.reduce(0, +)
    let plan = PlannedPosting(
        subject: "O-1", form: form, effect: effect, caseID: "O-1", covers: ["O-1"], date: date, currency: currency,
        rate: rate,
        total: Money(minor: sum, currency), lines: lines.map(\.plan), party: "shop",
        appliesTo: against.map { PlannedPosting.Reference(form: $0, subject: "O-1") }, reference: words, note: note)
    return LedgerDocument(
        key: k, revision: 1, plan: plan, lines: lines, reference: reference, party: party, appliesTo: appliesTo,
        remoteID: remoteID)
}

/// An invoice.
func document(
    _ lines: [LedgerDocument.Line], key k: PostKey = key(), currency: Currency = .gbp, total: Int64? = nil,
    rate: ExactDecimal? = nil,
    effect: PlannedPosting.Effect = .post, party: String? = contact, remoteID: String? = nil
) -> LedgerDocument {
    document(
        .invoice, lines, key: k, currency: currency, total: total, rate: rate, effect: effect, party: party,
        remoteID: remoteID)
}

/// A sale of 10.00 without tax.
func simple(_ n: Int = 1, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
    document(
        [control(1000), line(.goods, "sales:homeware", -1000, "200", group: "L1", text: "Mug")], key: key(n),
        effect: effect, remoteID: remoteID)
}

func payment(
    _ n: Int = 1, amount: Int64 = 1000, account: String = "611", on invoice: Int = 77, remoteID: String? = nil,
    effect: PlannedPosting.Effect = .post
) -> LedgerDocument {
    document(
        .payment, [line(.tender, "clearing:card:GBP", amount, account), control(-amount)], key: key(n),
        reference: "transaction \(n)", effect: effect,
        appliesTo: guid(invoice), against: .invoice, remoteID: remoteID)
}

func refund(_ n: Int = 1, amount: Int64 = 1000, account: String = "611", remoteID: String? = nil) -> LedgerDocument {
    document(
        .refundPayment, [control(amount), line(.tender, "clearing:card:GBP", -amount, account)], key: key(n),
        reference: "refund \(n)",
        appliesTo: guid(88), against: .creditNote, remoteID: remoteID)
}

// MARK: Driving

enum Ended<Output: Sendable>: Sendable {
    case finished(Output)
    case failed(Fault)
    /// More calls than answers.
    case open

    var output: Output? { if case .finished(let output) = self { output } else { nil } }
    var fault: Fault? { if case .failed(let fault) = self { fault } else { nil } }
}

/// Plays answers to an exchange as the courier would: what `judge` does not accept never reaches it.
func drive<Output: Sendable>(_ exchange: Exchange<Output>, _ answers: [HTTPResponse] = []) -> (
    end: Ended<Output>, calls: [Call]
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
            switch connector.judge(answer, to: call) {
            case .accepted: step = then(answer)
            case .rejected(let fault), .duplicate(let fault), .reauthorize(let fault), .unavailable(let fault),
                .outcomeUnknown(let fault):
                return (.failed(fault), calls)
            case .throttled: return (.open, calls)
            }
        }
    }
}

func answer(_ text: String, status: Int = 200) -> HTTPResponse { HTTPResponse(status, body: Array(text.utf8)) }

func json(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

/// The one document that a create would send.
func sent(_ document: LedgerDocument, _ connection: ConnectionFacts = facts) throws -> JSON {
    let call = try #require(drive(connector.create([document], attempt: "a1", connection)).calls.first)
    let body = try JSON(parsing: call.request.body)
    let list = try #require(body.object?.first?.value.array)
    #expect(list.count == 1)
    return try #require(list.first)
}

/// Why a document is not sent.
func refusal(_ document: LedgerDocument) throws -> Fault {
    let (end, calls) = drive(connector.create([document], attempt: "a1", facts))
    #expect(calls.isEmpty)
    guard case .rejected(let fault)? = end.output?.first else {
        Issue.record("not rejected")
        return Fault("none", stage: .post, disposition: .bug, summary: "")
    }
    #expect(fault.disposition == .reject)
    return fault
}
