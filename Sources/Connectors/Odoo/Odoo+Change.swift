internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

// A posted document is changed as people do it in Odoo: back to draft, new lines, posted again. What stands is read first each time, so a change that
// broke off is gone on with from wherever it stopped.
extension OdooConnector {
    public func update(_ document: LedgerDocument, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        do throws(Fault) {
            let dialect = try Dialect(connection)
            guard let form = OdooForm(document.plan.form) else { throw Self.unsupported(document.plan.form) }
            guard let id = recordID(document.remoteID) else { throw Self.noID }
            if form == .order { return updateOrder(document, id: id, dialect) }
            return looked(up: [document], dialect) { ids, uses in
                do throws(Fault) {
                    try Self.check(document, uses)
                    // What can't be written must not cost what stands.
                    let values = try Self.values(of: document, dialect, ids)
                    let change = Change(dialect: dialect, document: document, id: id, values: values)
                    return self.opened(change) { self.rewrite($0) }
                } catch {
                    return .finish(Self.outcome(error))
                }
            }
        } catch {
            return .finish(Self.outcome(error))
        }
    }

    /// A posted document becomes a draft and then cancelled. Where its journal is sealed and forbids that, a reversal takes its effect back.
    public func void(_ document: LedgerDocument, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome> {
        do throws(Fault) {
            let dialect = try Dialect(connection)
            guard let id = recordID(document.remoteID) else { throw Self.noID }
            if OdooForm(document.plan.form) == .order { return voidOrder(id: id, dialect) }
            let change = Change(dialect: dialect, document: document, id: id, values: [])
            return opened(change, cancelling: true) { change in
                self.step(Asking(.write, "account.move", "button_cancel", ids: [id], units: change.units), dialect) { step in
                    switch step {
                    case .done: return .finish(.posted(remoteID: String(id), version: nil))
                    case .refused(let fault): return .finish(.rejected(Self.left(fault, change)))
                    case .unreadable: return .finish(.unknown(Self.lost("whether it was cancelled")))
                    }
                }
            }
        } catch {
            return .finish(Self.outcome(error))
        }
    }

    static let noID = refused("remote_id_missing", "Odoo's id of the document is not known", "Report it.")

    static func outcome(_ fault: Fault) -> PostOutcome { fault.disposition == .reject ? .rejected(fault) : .throttled(fault) }

    /// Where a change stands.
    private struct Change: Sendable {
        let dialect: Dialect
        let document: LedgerDocument
        let id: Int
        let values: [(key: String, value: JSON)]
        /// It had effect before this change.
        var wasPosted = false
        /// Its first write has paid for all that follow.
        var isPaid = false

        /// What the next write costs: draft, lines, items, tax, post, and two to settle; a void takes two.
        var units: Int { isPaid ? 0 : values.isEmpty ? 2 : 7 }

        var paid: Change {
            var out = self
            out.isPaid = true
            return out
        }
    }

    // MARK: To draft

    /// Goes on with a draft. For a void also ends here where nothing is left to be done.
    private func opened(
        _ change: Change, cancelling: Bool = false, then next: @escaping @Sendable (Change) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        rows(Self.moves([change.id]), change.dialect) { rows in
            guard let row = rows.first(where: { $0["id"]?.id == change.id }) else {
                return .finish(.rejected(Self.refused(
                    "ledger_document_missing", "Odoo has no such document", "Look for it in Odoo; it may have been deleted there.")))
            }
            let type = row["move_type"]?.string
            guard OdooForm(change.document.plan.form).map({ $0.moveType == type }) ?? true else {
                return .finish(.rejected(Self.refused(
                    "ledger_document_fixed", "the document is of another type in Odoo", "Look at it in Odoo; it is not the one that was written.")))
            }
            let done = PostOutcome.posted(remoteID: String(change.id), version: row["write_date"]?.words)
            var opening = change
            switch row["state"]?.string {
            case "draft": return next(opening)
            case "cancel": return cancelling ? .finish(done) : self.reopen(opening, then: next)
            case "posted":
                opening.wasPosted = true
                if cancelling, Self.mayBeReversed(row) { return self.unlessReversed(opening, done) }
                // Back to draft takes all payments off it, those too that are none of ours.
                guard type == "entry" || row["amount_residual"]?.decimal == row["amount_total"]?.decimal else {
                    return .finish(.rejected(Self.settledThere))
                }
                return self.reopen(opening, cancelling: cancelling, then: next)
            default: return .fail(Self.unreadable("a document is in a state that is not known"))
            }
        }
    }

    private static let settledThere = refused(
        "ledger_document_fixed", "the document has payments or credits on it in Odoo",
        "Remove payments and credits from the document in Odoo, or correct it there.")

    /// Done where a reversal took all of it back. Whatever else Odoo calls reversed stands, with money or credit on it.
    private func unlessReversed(_ change: Change, _ done: PostOutcome) -> Exchange<PostOutcome> {
        rows(Self.items(of: [change.id], change.dialect), change.dialect) { items in
            self.reversed([change.id], items, change.dialect) { .finish($0.isEmpty ? .rejected(Self.settledThere) : done) }
        }
    }

    private func reopen(
        _ change: Change, cancelling: Bool = false, then next: @escaping @Sendable (Change) -> Exchange<PostOutcome>
    ) -> Exchange<PostOutcome> {
        step(Asking(.write, "account.move", "button_draft", ids: [change.id], units: change.units), change.dialect) { step in
            switch step {
            case .done: return next(change.paid)
            case .refused(let fault) where cancelling && fault.code == "ledger_document_fixed": return self.reverse(change)
            case .refused(let fault): return .finish(.rejected(fault))
            case .unreadable: return .finish(.unknown(Self.lost("whether it went back to draft")))
            }
        }
    }

    // MARK: Writing anew

    private func rewrite(_ change: Change) -> Exchange<PostOutcome> {
        let lines = OdooForm(change.document.plan.form)?.isTrade == true ? "invoice_line_ids" : "line_ids"
        var values: [(key: String, value: JSON)] = []
        for (key, value) in change.values where key != "move_type" && key != "journal_id" {
            // All lines anew: away with those that are there, then the new ones.
            values.append((key, key == lines ? .array([[5, 0, 0]] + (value.array ?? [])) : value))
        }
        let asking = Asking(.write, "account.move", "write", ids: [change.id], [("vals", .object(values))], units: change.units)
        return step(asking, change.dialect) { step in
            switch step {
            case .done: self.amend(change.paid)
            // What was there is there still: it gets its effect back.
            case .refused(let fault): self.restore(change.paid, fault)
            case .unreadable: .finish(.unknown(Self.lost("whether it was changed")))
            }
        }
    }

    private func restore(_ change: Change, _ fault: Fault) -> Exchange<PostOutcome> {
        guard change.wasPosted else { return .finish(.rejected(Self.left(fault, change))) }
        return step(Asking(.write, "account.move", "action_post", ids: [change.id], units: 0), change.dialect) { step in
            guard case .done = step else { return .finish(.rejected(Self.left(fault, change))) }
            return self.settle(change.document, id: change.id, change.dialect) { _ in .finish(.rejected(fault)) }
        }
    }

    private static func left(_ fault: Fault, _ change: Change) -> Fault {
        var out = fault
        out.summary += "; the document is left as a draft"
        return out
    }

    private func amend(_ change: Change) -> Exchange<PostOutcome> {
        guard OdooForm(change.document.plan.form)?.isTrade == true else { return post(change) }
        return rows(Self.items(of: [change.id], change.dialect).map(\.paid), change.dialect) { rows in
            do throws(Fault) {
                guard let values = try Amendment(change.document, rows, change.dialect).values else { return self.post(change) }
                let asking = Asking(.write, "account.move", "write", ids: [change.id], [("vals", .object(values))], units: 0)
                return self.step(asking, change.dialect) { step in
                    switch step {
                    case .done: self.post(change)
                    case .refused(let fault): .finish(.rejected(Self.left(fault, change)))
                    case .unreadable: .finish(.unknown(Self.lost("whether its tax was changed")))
                    }
                }
            } catch {
                return .finish(error.disposition == .reject ? .rejected(Self.left(error, change)) : .unknown(error))
            }
        }
    }

    private func post(_ change: Change) -> Exchange<PostOutcome> {
        step(Asking(.write, "account.move", "action_post", ids: [change.id], units: 0), change.dialect) { step in
            switch step {
            case .done: self.settle(change.document, id: change.id, change.dialect) { .finish($0) }
            case .refused(let fault): .finish(.rejected(Self.left(fault, change)))
            case .unreadable: .finish(.unknown(Self.lost("whether it was posted again")))
            }
        }
    }

    // MARK: Reversing

    /// The wizard for reversals, on the document's own day.
    /// - Source: fields of account.move.reversal by fields_get; names of its methods by version are general knowledge.
    private func reverse(_ change: Change) -> Exchange<PostOutcome> {
        guard OdooForm(change.document.plan.form)?.isTrade == true else {
            return .finish(.rejected(Self.refused(
                "ledger_document_fixed", "the entry's journal is sealed, and what it settles can't be told from a reversal",
                "Reverse the entry in Odoo, then mark the posting as done.")))
        }
        // A reversal that broke off before it was posted is a draft without our key: posted, rather than joined by another one.
        let fields = ["id", "journal_id", "amount_total", "ref", "date", "state"]
        let others = Listing("account.move", [["reversed_entry_id", "=", .id(change.id)], ["state", "in", ["draft", "posted"]]], fields)
        let own = Listing("account.move", [["id", "=", .id(change.id)]], fields)
        return rows([own, others], change.dialect) { rows in
            guard let it = rows.first(where: { $0["id"]?.id == change.id }) else { return .fail(Self.unreadable("it does not list the document")) }
            let others = rows.filter { $0["id"]?.id != change.id }
            guard let other = others.first else { return self.wizard(change, journal: it["journal_id"]?.id) }
            guard others.count == 1, Self.isOurs(other, of: it, change), let id = other["id"]?.id else { return .finish(.rejected(Self.reversedByHand(others))) }
            return self.post(reversal: id, units: 3, change)
        }
    }

    private static let reason = "cancelled by its source"

    /// A draft as our wizard leaves it: with our reason behind its name, on the document's day, of all of it.
    private static func isOurs(_ row: JSON, of document: JSON, _ change: Change) -> Bool {
        guard let total = document["amount_total"]?.decimal, row["state"]?.string == "draft" else { return false }
        return row["ref"]?.string?.hasSuffix(", \(reason)") == true && row["date"]?.string == change.document.plan.date.description && row["amount_total"]?.decimal == total
    }

    /// What settles nothing of the document and says that it reverses it: a person began that, or took it apart.
    private static func reversedByHand(_ rows: [JSON]) -> Fault {
        if rows.contains(where: { $0["state"]?.string == "posted" }) {
            return refused(
                "ledger_document_fixed", "Odoo has a posted reversal of the document that is not reconciled with it",
                "Reconcile or cancel it in Odoo, then release the posting.")
        }
        return refused("ledger_document_fixed", "Odoo has a draft reversal of the document", "Post or delete it in Odoo, then release the posting.")
    }

    private func wizard(_ change: Change, journal: Int?) -> Exchange<PostOutcome> {
        var values: [(key: String, value: JSON)] = [
            ("move_ids", [[6, 0, .ids([change.id])]]), ("date", .string(change.document.plan.date.description)), ("reason", .string(Self.reason)),
        ]
        if let journal { values.append(("journal_id", .id(journal))) }
        if !change.dialect.reversalLeavesDraft { values.append(("refund_method", "cancel")) }
        var wizard = Asking(.write, "account.move.reversal", "create", [("vals_list", .array([.object(values)]))], units: 3)
        let scope: [(key: String, value: JSON)] = [("active_model", "account.move"), ("active_ids", .ids([change.id]))]
        wizard.context = scope
        return .send(change.dialect.call(wizard)) { answer in
            guard let id = Self.created(answer, change.dialect, 1)?.first else { return .finish(.unknown(Self.lost("what the reversal is"))) }
            let method = change.dialect.reversalLeavesDraft ? "refund_moves" : "reverse_moves"
            var asking = Asking(.write, "account.move.reversal", method, ids: [id], units: 0)
            asking.context = scope
            return self.step(asking, change.dialect) { self.reversed($0, change) }
        }
    }

    private func reversed(_ step: Step, _ change: Change) -> Exchange<PostOutcome> {
        let done = PostOutcome.posted(remoteID: String(change.id), version: nil)
        switch step {
        case .refused(let fault): return .finish(.rejected(fault))
        case .unreadable: return .finish(.unknown(Self.lost("whether it was reversed")))
        case .done(let action):
            guard change.dialect.reversalLeavesDraft else { return .finish(done) }
            guard let id = action["res_id"]?.id else { return .finish(.unknown(Self.lost("what the reversal is"))) }
            return post(reversal: id, units: 0, change)
        }
    }

    private func post(reversal id: Int, units: Int, _ change: Change) -> Exchange<PostOutcome> {
        step(Asking(.write, "account.move", "action_post", ids: [id], units: units), change.dialect) { step in
            switch step {
            case .done: .finish(.posted(remoteID: String(change.id), version: nil))
            case .refused(let fault): .finish(.rejected(fault))
            case .unreadable: .finish(.unknown(Self.lost("whether the reversal was posted")))
            }
        }
    }
}
