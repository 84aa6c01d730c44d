internal import Books
internal import ConnectorKit
internal import Kernel

// Bills stand on the accounts of their lines (the sublist `expense`), orders on items where NetSuite has one that can be bought, else on accounts too.
// - Source: wsjmnh/netsuite-record-rest-docs, vendorBill and purchaseOrder (browser 2026.1): fields and sublists.
extension Record {
    mutating func fillPurchase(_ document: LedgerDocument, _ settings: Settings, _ currencies: CurrencyIDs) throws(Fault) {
        let form = try SalesForm(document, kind)
        fields.add("entity", .ref(try Record.party(document)))
        try fillHeader(document, currencies)
        guard kind == .vendorBill else { return try fillOrder(form, document.plan.currency, settings) }
        fields.add("dueDate", .day(document.due ?? document.plan.date))
        if let payable = document.payable { fields.add("account", .ref(try Record.account(payable.account))) }
        try classify(form.lines.map(\.source), settings)
        if settings.tax == .suiteTax { fields.add("taxDetailsOverride", .flag(true)) }
        var lines: [Fields] = [], details: [Fields] = []
        for (index, line) in form.lines.enumerated() {
            let mark = "L\(index + 1)"
            var out = try Record.expense(line, plain(line.source.plan.text), document.plan.currency, settings)
            // Only lines of items can be marked as not taxable.
            if settings.tax != .legacyUS || !line.taxes.isEmpty { try Record.tax(line, mark, document.plan.currency, settings, &out) }
            lines.append(out)
            if settings.tax == .suiteTax { details += try line.taxes.map { tax throws(Fault) in try Record.detail(tax, line, mark, document.plan.currency) } }
        }
        fields.add("expense", .lines(lines))
        if settings.tax == .suiteTax { fields.add("taxDetails", .lines(details)) }
    }

    /// Tax of what is ordered is NetSuite's own: the plan has none, and the bill will say it.
    private mutating func fillOrder(_ form: SalesForm, _ currency: Currency, _ settings: Settings) throws(Fault) {
        try classify(form.lines.map(\.source), settings)
        var items: [Fields] = [], expenses: [Fields] = []
        for line in form.lines {
            guard let item = line.source.item, isID(item), let price = UnitPrice(line.minor, of: line.source.plan.quantity ?? .one, currency, scaleMost: NetSuiteLimits.priceScale)
            else {
                expenses.append(try Record.expense(line, Record.counted(line.source.plan), currency, settings))
                continue
            }
            var out = Fields([("item", .ref(item)), ("quantity", .number(price.quantity.description))])
            let note = cut(plain(line.source.plan.text), utf16: NetSuiteLimits.lineNote)
            if !note.isEmpty { out.add("description", .text(note)) }
            out.add("rate", .number(price.price.description))
            out.add("amount", .number(Money(minor: line.minor, currency).text))
            try Record.place(line, settings, &out)
            items.append(out)
        }
        if !items.isEmpty { fields.add("item", .lines(items)) }
        if !expenses.isEmpty { fields.add("expense", .lines(expenses)) }
    }

    /// How many of what: `40 × PEN-1, Pen`.
    private static func counted(_ plan: PostingLine) -> String {
        let what = [plan.sku, plan.text].map(plain).filter { !$0.isEmpty }.joined(separator: ", ")
        return plan.quantity.map { "\($0.shortest) × \(what)" } ?? what
    }

    private static func expense(_ line: SalesForm.Line, _ words: String, _ currency: Currency, _ settings: Settings) throws(Fault) -> Fields {
        var out = Fields([("account", .ref(try account(line.source.account))), ("amount", .number(Money(minor: line.minor, currency).text))])
        let note = cut(words, utf16: NetSuiteLimits.lineNote)
        if !note.isEmpty { out.add("memo", .text(note)) }
        try place(line, settings, &out)
        return out
    }

    private static func place(_ line: SalesForm.Line, _ settings: Settings, _ out: inout Fields) throws(Fault) {
        if !settings.classifiesHeader { for (name, id) in try classes(of: line.source, settings) { out.add(name, .ref(id)) } }
    }
}

extension LedgerReadback {
    /// Bills by the accounts of their lines, orders by what their lines come to. What a bill comes to has another name in each API and way of taxing, so
    /// it is added up.
    mutating func readPurchase(_ record: Record, _ currency: Currency) throws(Fault) {
        let fields = record.fields
        party = fields.id("entity")
        var sums = Sums(), net = Sums()
        for (list, key) in [("expense", "account"), ("item", "item")] {
            for line in fields.lines(list) {
                let amount = try Amount.read(line, "amount", currency)
                net.add("", amount)
                sums.add((key == "item" ? "item:" : "") + (line.id(key) ?? ""), amount)
            }
        }
        total_minor = net.kept[""] ?? 0
        guard record.kind == .vendorBill else {
            accounts = net.kept.isEmpty ? [:] : ["ordered": total_minor]
            return
        }
        let tax = try Amount.read(fields, "taxTotal", currency) + Amount.read(fields, "tax2Total", currency)
        tax_minor = tax
        due = fields.day("dueDate")
        net.add("", tax)
        total_minor = net.kept[""] ?? 0
        accounts = sums.kept
    }

    mutating func meanPurchase(_ document: LedgerDocument, _ sums: inout Sums) {
        guard let kind = document.kind, let form = try? SalesForm(document, kind) else { return }
        total_minor = form.total
        guard kind == .vendorBill else {
            sums.add("ordered", form.total)
            return
        }
        for line in form.lines { sums.add(line.source.account.remoteID ?? "", line.minor) }
        tax_minor = form.tax
        due = document.due
    }
}
