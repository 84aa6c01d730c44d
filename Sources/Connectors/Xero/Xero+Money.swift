internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension LedgerDocument.Line {
    /// Theirs to reconcile with a statement: only payments, bank transactions and transfers may name it.
    var isBank: Bool { account.type.uppercased() == "BANK" && !plan.amount.isZero }
    var isReceivable: Bool { plan.role.family == "receivable" }
}

extension LedgerDocument {
    var bankLines: [Line] { lines.filter(\.isBank) }
    /// It stands for many orders.
    var isGathered: Bool { plan.form == .summary || plan.form == .settlement }
    /// A deposit that an invoice uses up.
    var settlesInvoice: Bool { plan.form == .journal && plan.appliesTo?.form == .invoice && lines.count == 2 && lines.contains(where: \.isReceivable) }
    /// Of what stands for many orders: what they leave open.
    var stillOwed: Int64 { lines.filter(\.isReceivable).map(\.plan.amount.minor).reduce(0, +) }

    /// Whose money a payment is: its tender, or the deposit that it uses up.
    var tenders: [Line] { plan.form == .journal ? lines.filter { !$0.isReceivable } : lines.filter { $0.plan.part == .tender } }

    /// Debit-positive amounts times this are what an invoice, credit note, bill or purchase order shows.
    var salesSign: Int64 { plan.form == .creditNote || plan.form.isPurchase || (isGathered && stillOwed < 0) ? 1 : -1 }
    /// Its lines there: all but what is owed for it, and its taxes.
    var salesLines: [Line] { lines.filter { $0.plan.part != .tax && (isGathered ? !$0.isReceivable : $0.plan.part != .control) } }
    var salesTotal: Money { isGathered ? Money(minor: abs(stillOwed), plan.currency) : plan.total }

    /// What it becomes there depends on its amounts, not on its form alone.
    var mayHaveMoved: Bool { [.journal, .deposit, .payout, .summary, .settlement].contains(plan.form) && !settlesInvoice }
}

/// Money that moves between accounts of our own.
extension XeroConnector {
    /// Manual journals and lines of documents take neither bank accounts nor the ledger's own receivable.
    /// - Throws: `bank_account_line`, `receivable_line`, `receivable_of_many` (reject).
    static func checkAccounts(_ document: LedgerDocument) throws(Fault) {
        let banks = document.bankLines
        let allowed = Endpoint(document) == .bankTransactions ? 1 : 0
        if banks.count > allowed, let line = banks.last {
            throw refused(
                "bank_account_line",
                "\(line.plan.role) is bound to \(line.account.code), a bank account in Xero, and this document takes \(allowed == 0 ? "none" : "one")",
                "Bind \(line.plan.role) to a current account that payments may be made to.")
        }
        if !document.isGathered, let line = document.lines.first(where: \.isReceivable) {
            throw refused(
                "receivable_line", "it moves \(line.plan.amount.magnitude.text) of what customers owe, which Xero changes by invoices and payments only",
                "Enter it by hand, as an overpayment or a credit note.")
        }
        let owing = document.lines.first { $0.isReceivable && !$0.plan.amount.isZero && $0.plan.role.detail != document.plan.party }
        if document.isGathered, let owing {
            throw refused(
                "receivable_of_many", "it leaves something owed by \(owing.plan.role.detail), and a document in Xero has one contact",
                "Set the policy customer: house where sales are summed up.")
        }
    }

    /// In the document's currency: the one that the bank account is kept in.
    static func bankAmounts(_ document: LedgerDocument) throws(Fault) -> [(line: LedgerDocument.Line, amount: Money)] {
        guard document.plan.rate != nil else { return try journalAmounts(document) }
        guard document.lines.allSatisfy({ $0.plan.amount.currency == document.plan.currency }) else { throw mixed() }
        return document.lines.map { ($0, $0.plan.amount) }
    }

    static func bankTransaction(_ document: LedgerDocument, _ tracking: Tracking, _ connection: ConnectionFacts) throws(Fault) -> JSON {
        try checkAccounts(document)
        guard let party = document.party, !party.isEmpty else {
            throw refused("party_missing", "the contact of the document is not known", "Report it.")
        }
        let amounts = try bankAmounts(document)
        guard let bank = amounts.first(where: { $0.line.isBank }), amounts.map(\.amount.minor).reduce(0, +) == 0 else {
            throw refused("document_unbalanced", "its lines don't come to what the bank gets", "Report it.")
        }
        let received = bank.amount.minor > 0
        let lines: [JSON] = amounts.filter { !$0.line.isBank && !$0.amount.isZero }.map { line, money in
            .object([
                ("Description", .string(description(line.plan))), ("Quantity", 1),
                ("UnitAmount", .number((received ? -money : money).text)), account(line.account, code: "AccountCode"), ("TaxType", .string(noTax)),
            ] + tracking.members(of: line))
        }
        var members: [(key: String, value: JSON)] = [
            ("Type", received ? "RECEIVE" : "SPEND"), ("Contact", .object([("ContactID", .string(party))])),
            ("BankAccount", .object([account(bank.line.account, code: "Code")])), ("LineItems", .array(lines)),
            ("Reference", .string(reference(document))), ("Date", .string(document.plan.date.description)), ("LineAmountTypes", "NoTax"),
        ]
        if let rate = try currencyRate(document.plan, connection) { members.append(("CurrencyRate", rate)) }
        return .object(members)
    }

    /// What can be told before anything is sent: party, and what a payment settles, are looked up later.
    public func objections(to document: LedgerDocument, _ connection: ConnectionFacts) -> [Fault] {
        let plan = document.plan
        guard plan.effect == .post else { return [] }
        let isMoneyAlone = plan.form == .payment && document.lines.allSatisfy { $0.plan.part == .tender || $0.plan.part == .control }
        var known = document
        known.party = known.party ?? "known"
        if plan.appliesTo != nil { known.appliesTo = known.appliesTo ?? "known" }
        do throws(Fault) {
            _ = try Tracking(connection)
            if !isMoneyAlone, ![.invoice, .creditNote, .refundPayment].contains(plan.form) { _ = try Self.body(of: known, connection) }
            return []
        } catch {
            return [error]
        }
    }

    // MARK: Another kind of document

    /// A payout that came back reaches no bank any more, a summary may leave something owed or be owed itself: what was one kind of document
    /// becomes another. The old one is taken back, the new one written; what an earlier, interrupted attempt left is looked for first.
    func moved(_ document: LedgerDocument, to endpoint: Endpoint, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        let isVoid = document.plan.effect == .void
        let plain = isVoid ? voided(document, attempt: attempt, connection) : updated(document, attempt: attempt, connection)
        guard let former = endpoint.former, let id = document.remoteID, isGUID(id) else { return plain }
        // What can't be written must not cost what stands.
        if !isVoid {
            do throws(Fault) { _ = try Self.body(of: document, connection) } catch { return .finish(.unsent(error)) }
        }
        return rows([Self.single(former, id)]) { rows in
            guard let old = rows.first, old[former.idField].string?.lowercased() == id.lowercased() else { return plain }
            if Self.isGone(old) { return isVoid ? .finish(.posted(remoteID: id, version: nil)) : self.writeOnce(document, endpoint, attempt: attempt, connection) }
            return self.ifOpen(document, instead: [old]) {
                self.takeBack(document, former, id, attempt: attempt).next { outcome in
                    guard case .posted = outcome, !isVoid else { return .finish(outcome) }
                    return self.writeOnce(document, endpoint, attempt: attempt, connection)
                }
            }
        }
    }

    private func takeBack(_ document: LedgerDocument, _ endpoint: Endpoint, _ id: String, attempt: String) -> Exchange<PostOutcome> {
        let body = Self.withdrawal(of: document, endpoint, id)
        return .send(Self.write(.post, "\(endpoint.rawValue)/\(id)", [], key: "\(attempt)-old", body)) {
            .finish(Self.outcome($0, endpoint, document.key, id: id))
        }
    }

    private func writeOnce(_ document: LedgerDocument, _ endpoint: Endpoint, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        rows(Self.search(endpoint, [document])) { rows in
            let standing = rows.filter { Self.key(of: $0, endpoint) == document.key && !Self.isGone($0) }.compactMap { $0[endpoint.idField].string }
            guard standing.count < 2 else { return .finish(.rejected(Self.doubled(standing, in: "Xero"))) }
            if let id = standing.first {
                var known = document
                known.remoteID = id
                return self.updated(known, attempt: attempt, connection)
            }
            return self.created([document], [:], attempt: attempt, connection).map { $0.first ?? .unknown(Self.lost("it leaves out the document")) }
        }
    }
}
