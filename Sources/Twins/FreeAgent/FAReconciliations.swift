internal import Kernel
internal import TwinKit
internal import Wire

/// What of a credit note settles what of an invoice.
/// - Source: dev.freeagent.com/docs/credit_note_reconciliations; api-discuss.freeagent.com, topic 2386.
extension FAState {
    mutating func reconciliations(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        try call.needs(.invoices)
        switch (call.method, call.path.count) {
        case (.get, 1):
            let rows = try call.selected(all(.reconciliation))
            return call.page(rows, as: FAKind.reconciliation.plural) { reconciliationJSON($0, call) }
        case (.get, 2):
            let row = try required(.reconciliation, call.id)
            return call.shown(row, reconciliationJSON(row, call))
        case (.post, 1):
            var row = FARow(.reconciliation, next(.reconciliation, at: call.now), at: call.now)
            try reconcile(&row, call)
            return call.created(row, reconciliationJSON(row, call))
        case (.put, 2):
            var row = try required(.reconciliation, call.id)
            try reconcile(&row, call)
            return FACall.done
        case (.delete, 2):
            let row = try required(.reconciliation, call.id)
            if isLocked(row.date("dated_on")) { throw .invalid("Credit note reconciliation is locked and cannot be deleted") }
            delete(row, at: call.now)
            settle(.invoice, row.text("invoice"), at: call.now)
            settle(.creditNote, row.text("credit_note"), at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    private mutating func reconcile(_ row: inout FARow, _ call: FACall) throws(FAProblem) {
        let sent = try call.sent(.reconciliation)
        var fields = FAFields(sent)
        for kind in [FAKind.invoice, .creditNote] where fields.sent(kind.rawValue) {
            guard let named = self.row(kind, named: sent[kind.rawValue]) else { throw .notFound }
            row.set(kind.rawValue, .string(named.name))
        }
        if let gross = fields.cents("gross_value") { row.set("gross", cents: gross) }
        let date = fields.date("dated_on") ?? row.date("dated_on") ?? call.today
        row.set("dated_on", date)
        if isLocked(date) { fields.note("dated_on", "is in a locked accounting period") }
        if !row.has("gross") { fields.blank("gross_value") } else if row.cents("gross") <= 0 { fields.note("gross_value", "must be greater than 0") }
        guard let invoice = find(.invoice, row.text("invoice")), let note = find(.creditNote, row.text("credit_note")) else {
            for kind in ["invoice", "credit_note"] where row.text(kind).isEmpty { fields.blank(kind) }
            return try fields.check()
        }
        // What this very row has taken so far is free again.
        let mine = find(.reconciliation, row.name)?.cents("gross") ?? 0
        if invoice.text("state") != "sent" { fields.note("invoice", "must be sent") }
        if note.text("state") != "sent" { fields.note("credit_note", "must be sent") }
        if invoice.text("currency") != note.text("currency") { fields.note("currency", "must be the same for the invoice and the credit note") }
        if row.cents("gross") > due(invoice) + mine { fields.note("gross_value", "is greater than the amount due on the invoice") }
        if row.cents("gross") > mine - due(note) { fields.note("gross_value", "is greater than the amount due on the credit note") }
        try fields.check()
        row.updated = call.now
        rows.put(row)
        settle(.invoice, invoice.name, at: call.now)
        settle(.creditNote, note.name, at: call.now)
    }

    private func reconciliationJSON(_ row: FARow, _ call: FACall) -> JSON {
        let invoice = find(.invoice, row.text("invoice"))
        var out = FAMembers()
        out.text("url", call.url(row))
        out.cents("gross_value", row.cents("gross"))
        out.date("dated_on", row.date("dated_on"))
        out.text("currency", invoice?.text("currency"))
        out.set("exchange_rate", invoice?.fields.member("exchange_rate"))
        out.text("invoice", call.url(.invoice, row.text("invoice")))
        out.text("credit_note", call.url(.creditNote, row.text("credit_note")))
        out.text("updated_at", FADate.text(row.updated))
        out.text("created_at", FADate.text(row.created))
        return out.json
    }
}
