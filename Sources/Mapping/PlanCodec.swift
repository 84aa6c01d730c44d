public import Books
public import Kernel
public import Wire

/// Planned postings as JSON and back: what the store keeps as `plan` and `sent`, and the API shows under `lines`.
public enum PlanCodec {
    public static func encode(_ plan: PlannedPosting) -> JSON {
        var m = Members()
        m.put("subject", plan.subject)
        m.put("form", plan.form.rawValue)
        m.put("effect", plan.effect.rawValue)
        m.put("case", plan.caseID)
        m.put("covers", texts: plan.covers)
        m.put("date", plan.date.description)
        m.put("due", plan.due?.description)
        m.put("currency", plan.currency.code)
        m.put("rate", plan.rate)
        m.put("total", plan.total)
        m.put("lines", list: plan.lines, line)
        m.put("party", plan.party)
        if let to = plan.appliesTo { m.put("applies_to", JSON.object([("form", .string(to.form.rawValue)), ("subject", .string(to.subject))])) }
        if let from = plan.drawnFrom { m.put("drawn_from", JSON.object([("form", .string(from.form.rawValue)), ("subject", .string(from.subject))])) }
        m.put("closed", flag: plan.isClosed)
        m.put("counts_when_paid", flag: plan.countsWhenPaid)
        m.put("closed_behind", plan.closedBehind)
        m.put("findings", list: plan.findings, finding)
        m.put("reference", plan.reference)
        m.put("note", plan.note)
        m.put("memo", moneys: plan.memo)
        if let tax = plan.taxOverride {
            m.put("tax_override", JSON.object([("source", .string(tax.source.description)), ("computed", .string(tax.computed.description))]))
        }
        m.put("not_before", plan.notBefore)
        return m.json
    }

    /// - Throws: `stored_json_unreadable`.
    public static func decode(_ bytes: [UInt8]) throws(Fault) -> PlannedPosting {
        let f = Fields(try JSON(parsing: bytes), "plan")
        var plan = PlannedPosting(
            subject: try f.text("subject"), form: try f.choice("form"), effect: try f.choice("effect"), caseID: try f.text("case"), covers: try f.texts("covers"),
            date: try f.date("date"), currency: try f.currency("currency"), rate: try f.optionalDecimal("rate"), total: try f.money("total"),
            lines: try f.list("lines", line), party: try f.text("party"))
        plan.appliesTo = try f.member("applies_to", other)
        plan.drawnFrom = try f.member("drawn_from", other)
        plan.isClosed = try f.flag("closed")
        plan.closedBehind = try f.optionalText("closed_behind")
        plan.findings = try f.list("findings", finding)
        plan.reference = try f.optionalText("reference")
        plan.due = f.json["due"] == nil ? nil : try f.date("due")
        plan.note = try f.optionalText("note")
        // It stood among what people read once.
        plan.countsWhenPaid = try f.flag("counts_when_paid") || plan.note?.contains("counts since it was paid") ?? false
        plan.memo = try f.moneys("memo")
        if let tax = f.json["tax_override"] {
            let t = Fields(tax, "plan.tax_override")
            plan.taxOverride = PlannedPosting.TaxOverride(source: try t.money("source"), computed: try t.money("computed"))
        }
        plan.notBefore = try f.optionalTimestamp("not_before")
        return plan
    }

    private static func other(_ f: Fields) throws(Fault) -> PlannedPosting.Reference {
        PlannedPosting.Reference(form: try f.choice("form"), subject: try f.text("subject"))
    }

    public static func finding(_ finding: Finding) -> JSON {
        var m = Members()
        m.put("check", finding.check)
        m.put("why", finding.why)
        m.put("remedy", finding.remedy)
        m.put("position", finding.position)
        m.put("cause", finding.cause)
        m.put("figures", moneys: finding.figures)
        return m.json
    }

    public static func findings(_ bytes: [UInt8]) throws(Fault) -> [Finding] {
        try Fields(.object([("findings", try JSON(parsing: bytes))])).list("findings", finding)
    }

    private static func finding(_ f: Fields) throws(Fault) -> Finding {
        var out = Finding(check: try f.text("check"), why: try f.text("why"), remedy: try f.text("remedy"), position: try f.optionalText("position"))
        out.cause = try f.optionalText("cause")
        out.figures = try f.moneys("figures")
        return out
    }

    private static func line(_ line: PostingLine) -> JSON {
        var m = Members()
        m.put("part", line.part.rawValue)
        m.put("role", line.role.text)
        m.put("amount", line.amount)
        m.put("base", line.base)
        m.put("tax_code", line.taxCode)
        if !line.group.isEmpty { m.put("group", line.group) }
        m.put("dimension", dictionary: line.dimension)
        m.put("derived_from", texts: line.derivedFrom)
        if !line.text.isEmpty { m.put("text", line.text) }
        if !line.sku.isEmpty { m.put("sku", line.sku) }
        m.put("quantity", line.quantity)
        m.put("reason_code", line.reasonCode)
        m.put("open_item", line.openItem)
        return m.json
    }

    private static func line(_ f: Fields) throws(Fault) -> PostingLine {
        var line = PostingLine(
            try f.choice("part"), role: Role(try f.text("role")), amount: try f.money("amount"), base: try f.optionalMoney("base"),
            taxCode: try f.optionalText("tax_code"), group: try f.optionalText("group") ?? "", dimension: try f.dictionary("dimension"),
            derivedFrom: try f.texts("derived_from"), text: try f.optionalText("text") ?? "", sku: try f.optionalText("sku") ?? "",
            quantity: try f.optionalDecimal("quantity"), reasonCode: try f.optionalText("reason_code"))
        line.openItem = try f.optionalText("open_item")
        return line
    }
}
