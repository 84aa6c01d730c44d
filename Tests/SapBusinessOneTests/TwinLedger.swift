import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import SapBusinessOne
import Testing
import TwinKit
import TwinSapBusinessOne
import Wire

/// The connector at work on the platform's twin, as the courier would drive it: cookies go with every call, what `judge` does not accept ends the work.
final class TwinLedger {
    let twin: SapBusinessOneTwin
    let connection: ConnectionFacts
    /// Local accounts by their plain numbers.
    let usesVAT: Bool
    private let now = Timestamp(seconds: 1_795_255_200)
    private let cookie: String
    /// How many answers are still given before one is lost on its way.
    var answersUntilLost: Int?

    init(_ company: String = "SBODemoGB", user: String = SapBusinessOneTwin.user, settings: [String: String] = [:], twin: SapBusinessOneTwin? = nil) throws {
        self.twin = try twin ?? SapBusinessOneTwin(journal: TwinJournal(inMemory: []), random: SeededRandom(seed: 7))
        connection = ConnectionFacts(account: company, settings: settings)
        usesVAT = company.hasPrefix("SBODemoGB")
        let body = "{\"CompanyDB\":\"\(company)\",\"UserName\":\"\(user)\",\"Password\":\"\(SapBusinessOneTwin.password)\"}"
        let answer = self.twin.respond(HTTPRequest(.post, "/b1s/\(settings["api"] ?? "v2")/Login", body: Array(body.utf8)), at: now)
        cookie = answer.fields.all("Set-Cookie").compactMap { $0.split(separator: ";").first.map(String.init) }.joined(separator: "; ")
        try #require(answer.status == 200 && cookie.hasPrefix("B1SESSION="))
    }

    func drive<Output: Sendable>(_ exchange: Exchange<Output>) -> Ended<Output> {
        var step = exchange
        while true {
            switch step {
            case .finish(let output): return .finished(output)
            case .fail(let fault): return .failed(fault)
            case .send(let call, let then):
                var request = call.request
                request.fields["Cookie"] = cookie
                let answer = twin.respond(request, at: now)
                if let left = answersUntilLost {
                    answersUntilLost = left == 0 ? nil : left - 1
                    if left == 0 { return .open }
                }
                let verdict = connector.judge(answer, to: call)
                guard verdict == .accepted else { return .judged(verdict) }
                step = then(answer)
            }
        }
    }

    /// What a person deletes there: the status of the answer.
    func delete(_ target: String) throws -> Int {
        twin.respond(HTTPRequest(.delete, "/b1s/v2/\(target)", fields: ["Cookie": cookie]), at: now).status
    }

    // MARK: Accounts

    /// The code of an account by its plain number.
    func code(_ number: String) -> String {
        let places = ["10000": 1, "11100": 3, "11200": 4, "12000": 6, "22000": 9, "40000": 12, "40100": 13, "60000": 16,
            "13000": 7, "20000": 8, "22100": 10, "61000": 17]
        guard !usesVAT, let place = places[number] else { return number }
        return "_SYS" + String(repeating: "0", count: place < 10 ? 10 : 9) + "\(place)"
    }

    /// Live entries' lines as `kind number: minor`.
    var books: [String] {
        let numbers = ["11100", "11200", "12000", "22000", "40000", "40100", "60000", "70000"]
        return twin.entries().filter(\.live).map { entry in
            let lines = entry.lines.map { line in "\(numbers.first { code($0) == line.account } ?? line.account) \(line.minor)" }
            return "\(entry.kind): \(lines.joined(separator: ", "))"
        }
    }

    /// By account number, of the live entries of a kind.
    func sums(_ kind: String) -> [String: Int64] {
        let numbers = ["13000", "20000", "22100", "61000"]
        var out: [String: Int64] = [:]
        for line in twin.entries().filter({ $0.live && $0.kind == kind }).flatMap(\.lines) {
            out[numbers.first { code($0) == line.account } ?? line.account, default: 0] += line.minor
        }
        return out
    }

    var balances: Bool { twin.entries().allSatisfy { $0.lines.reduce(Int64(0)) { $0 + $1.baseMinor } == 0 } }

    // MARK: Documents

    private func money(_ currency: Currency?) -> Currency { currency ?? (usesVAT ? .gbp : .usd) }

    private func bound(
        _ part: PostingLine.Part, _ role: String, _ amount: Int64, _ account: String, tax: Bool = false, text: String = "", currency: Currency? = nil, base: Int64? = nil
    ) -> LedgerDocument.Line {
        let local = money(nil)
        let plan = PostingLine(
            part, role: Role(role), amount: Money(minor: amount, money(currency)), base: base.map { Money(minor: $0, local) }, taxCode: tax ? "tax" : nil, group: "L1",
            derivedFrom: ["e"], text: text, sku: part == .goods ? "MUG" : "")
        return LedgerDocument.Line(
            plan: plan, account: BoundAccount(code: account, remoteID: code(account), name: account, active: true, rule: "test"),
            taxCode: tax ? (usesVAT ? "O1" : "CA") : nil, item: connection.settings["lines"] == "items" && part != .control ? (part == .goods ? "MUG" : role) : nil)
    }

    func control(_ amount: Int64, currency: Currency? = nil, base: Int64? = nil) -> LedgerDocument.Line {
        bound(.control, "receivable:shop", amount, "12000", currency: currency, base: base)
    }

    /// Goods of 39.98 less 4.00, with the tax that the company's code makes, or a cent more.
    func sale(_ n: Int = 1, _ form: PostingForm = .invoice, more cents: Int64 = 0, remoteID: String? = nil, effect: PlannedPosting.Effect = .post, goods: Int64 = 3998) -> LedgerDocument {
        let net = goods - 400
        let tax = (usesVAT ? (net * 20 + 50) / 100 : (net * 825 + 5000) / 10_000) + cents
        let sign: Int64 = form == .creditNote ? -1 : 1
        return self.document(form, [
            control(sign * (net + tax)), bound(.goods, "sales:mugs", -sign * goods, "40000", tax: true, text: "Blue mug"),
            bound(.discount, "discounts", sign * 400, "40100", tax: true, text: "Autumn"), bound(.tax, "tax_payable:X", -sign * tax, "22000", tax: true),
        ], n, remoteID: remoteID, effect: effect)
    }

    func paid(_ n: Int, _ amount: Int64, on id: String?, fee: Int64 = 0, remoteID: String? = nil, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
        var lines = [bound(.tender, "clearing:card", amount - fee, "11200"), control(-amount)]
        if fee != 0 { lines.append(bound(.fee, "fees:card", fee, "60000")) }
        return document(.payment, lines, n, reference: "transaction \(n)", appliesTo: id, against: .invoice, remoteID: remoteID, effect: effect)
    }

    func refunded(_ n: Int, _ amount: Int64, on id: String) -> LedgerDocument {
        document(.refundPayment, [control(amount), bound(.tender, "clearing:card", -amount, "11200")], n, reference: "refund \(n)", appliesTo: id, against: .creditNote)
    }

    func payout(_ n: Int, remoteID: String? = nil, net: Int64 = 9700, effect: PlannedPosting.Effect = .post) -> LedgerDocument {
        document(.payout, [
            bound(.tender, "bank", net, "11100"), bound(.fee, "fees:card", 10_000 - net, "60000"), bound(.other, "clearing:card", -10_000, "11200"),
        ], n, total: 10_000, reference: "payout 55", remoteID: remoteID, effect: effect)
    }

    /// Clay of so much, with the tax that the company's code of purchases makes.
    func bill(_ n: Int, _ net: Int64 = 20_000, due: LocalDate? = nil) -> LedgerDocument {
        let tax = usesVAT ? net / 5 : (net * 825 + 5000) / 10_000
        var lines = [
            bound(.goods, "purchases:clay", net, "61000", tax: true, text: "CW-1: Clay"), bound(.tax, "input_tax:X", tax, "22100", tax: true),
            bound(.control, "payable:clayworks", -net - tax, "20000"),
        ]
        if usesVAT { for i in lines.indices where lines[i].taxCode != nil { lines[i].taxCode = "I1" } }
        var out = document(.bill, lines, n, reference: "bill \(n)")
        out.plan.due = due
        return supplied(out)
    }

    func order(_ n: Int) -> LedgerDocument {
        supplied(document(.purchaseOrder, [
            bound(.goods, "inventory", 8_000, "13000", text: "Pen"), bound(.control, "payable:clayworks", -8_000, "20000"),
        ], n, reference: "purchase order \(n)"))
    }

    private func supplied(_ document: LedgerDocument) -> LedgerDocument {
        var out = document
        out.plan.party = "clayworks"
        out.party = "CFV-clayworks"
        return out
    }

    /// 50.00 euros, stated at a rate.
    func euros(_ n: Int = 1, rate: String = "0.85", base: Int64 = 4250) -> LedgerDocument {
        let lines = [control(5000, currency: .eur, base: base), bound(.goods, "sales:mugs", -5000, "40000", text: "Mug", currency: .eur, base: -base)]
        return document(.invoice, lines, n, currency: .eur, rate: rate)
    }

    func eurosPaid(_ n: Int, on id: String, rate: String = "0.9", base: Int64 = 4500) -> LedgerDocument {
        let lines = [bound(.tender, "clearing:card", 5000, "11200", currency: .eur, base: base), control(-5000, currency: .eur, base: -base)]
        return document(.payment, lines, n, currency: .eur, rate: rate, appliesTo: id, against: .invoice)
    }

    private func document(
        _ form: PostingForm, _ lines: [LedgerDocument.Line], _ n: Int, currency: Currency? = nil, total: Int64? = nil, rate: String? = nil, reference: String = "order 1001",
        appliesTo: String? = nil, against: PostingForm? = nil, remoteID: String? = nil, effect: PlannedPosting.Effect = .post
    ) -> LedgerDocument {
        let sum = total ?? lines.filter { $0.plan.part == .control }.map { abs($0.plan.amount.minor) }.reduce(0, +)
        let plan = PlannedPosting(
            subject: "O-1", form: form, effect: effect, caseID: "O-1", covers: ["O-1"], date: day, currency: money(currency), rate: rate.map(decimal),
            total: Money(minor: sum, money(currency)), lines: lines.map(\.plan), party: "shop", appliesTo: against.map { PlannedPosting.Reference(form: $0, subject: "O-1") }, note: nil)
        return LedgerDocument(key: key(n), revision: 1, plan: plan, lines: lines, reference: reference, party: "CF-shop", appliesTo: appliesTo, remoteID: remoteID)
    }

    // MARK: Steps

    /// The customer and the items that it needs are made, and it is written: its number.
    func post(_ document: LedgerDocument, at place: SourceLocation = #_sourceLocation) throws -> String {
        let outcome = try create(document, at: place)
        guard case .posted(let id, _) = outcome else {
            Issue.record("\(outcome)", sourceLocation: place)
            return ""
        }
        return id
    }

    func create(_ document: LedgerDocument, at place: SourceLocation = #_sourceLocation) throws -> PostOutcome {
        try refer(document, at: place)
        switch drive(connector.create([document], attempt: "a1", connection)) {
        case .finished(let outcomes): return try #require(outcomes.first, sourceLocation: place)
        case .failed(let fault): return .rejected(fault)
        case .judged(.rejected(let fault)), .judged(.duplicate(let fault)): return .rejected(fault)
        case .judged(let verdict):
            Issue.record("\(verdict)", sourceLocation: place)
            throw Fault("not_posted", stage: .post, disposition: .bug, summary: "\(verdict)")
        case .open: return .unknown(Fault("outcome_unknown", stage: .post, disposition: .retry, summary: "the answer was lost"))
        }
    }

    func refer(_ document: LedgerDocument, at place: SourceLocation = #_sourceLocation) throws {
        let wants = connector.references(for: document)
        let found = try #require(drive(connector.findReferences(wants, connection)).output, sourceLocation: place)
        let missing = wants.filter { found[$0.key] == nil }
        guard !missing.isEmpty else { return }
        let made = drive(connector.createReferences(missing, connection))
        try #require(made.output != nil, "\(made)", sourceLocation: place)
    }

    func find(_ document: LedgerDocument) throws -> LedgerReadback? {
        let found = try #require(drive(connector.find([document], connection)).output)
        return found[document.key]
    }

    func fetch(_ document: LedgerDocument, _ id: String) throws -> LedgerReadback? {
        var known = document
        known.remoteID = id
        let fetched = try #require(drive(connector.fetch([known], connection)).output)
        return fetched[document.key]
    }
}
