internal import Books
internal import Kernel
internal import Wire

/// A ledger document as the scenario or as our ledger has it, in comparable words.
struct ComparedDocument {
    struct Sum: Equatable {
        var amount: Int64 = 0
        var base: Int64 = 0
        var events: Set<String> = []
    }

    var name: String
    var form: String
    var covers: [String]
    var revision: Int
    var state: String
    var date: String
    /// Per role, side, tax code, dimension and currency; amounts without sign in minor units.
    var sums: [String: Sum] = [:]
    var total: Int64?
    var references: [PlannedPosting.Reference] = []
    var plan: PlannedPosting?
    var organisation: String?
    var isLedgers = false

    /// What matches a document of ours with an expected one.
    var key: String {
        "\(form) of \(covers.joined(separator: "+"))" + (form == "refund_payment" ? " on \(date)" : "")
            + (state == "superseded" ? " v\(revision)" : "") + (organisation.map { " of \($0)" } ?? "")
    }

    /// Several refund payments of one refund, one per tender, compare as their sum.
    mutating func add(_ other: ComparedDocument) {
        for (line, sum) in other.sums {
            sums[line, default: Sum()].amount += sum.amount
            sums[line, default: Sum()].base += sum.base
            sums[line, default: Sum()].events.formUnion(sum.events)
        }
        if let more = other.total { total = (total ?? 0) + more }
        references += other.references
    }
}

extension Comparison {
    /// Compares journal and documents; gives the matched documents by the scenario's names.
    mutating func compareDocuments() -> [String: ComparedDocument] {
        var ours = ourDocuments()
        let theirs = expectedDocuments()
        var matched: [String: ComparedDocument] = [:]
        for (key, expected) in theirs.sorted(by: { $0.key < $1.key }) {
            guard let found = ours.removeValue(forKey: key) else {
                // Earlier revisions may be listed or not.
                if expected.document.state != "superseded" { differ("missing: \(expected.document.name) (\(key))") }
                continue
            }
            if expected.document.state != "superseded" {
                for name in expected.names { matched[name] = found }
            }
            compare(found, expected.document, expected.details)
        }
        for (key, document) in ours.sorted(by: { $0.key < $1.key }) where document.state != "superseded" {
            differ("not expected: \(key)")
        }
        return matched
    }

    private func ourDocuments() -> [String: ComparedDocument] {
        var out: [String: ComparedDocument] = [:]
        for entry in run.entries {
            var document = ComparedDocument(
                name: "\(entry.plan.form.rawValue):\(entry.plan.subject)", form: entry.plan.form.rawValue,
                covers: events(run.covers(entry)),
                revision: entry.revision, state: entry.state.rawValue, date: entry.plan.date.description)
            for line in entry.plan.lines where !line.amount.isZero {
                let side = line.amount.minor > 0 ? "debit" : "credit"
                let key = lineKey(line.role.text, side, line.taxCode, line.dimension, line.amount.currency.code)
                document.sums[key, default: .init()].amount += abs(line.amount.minor)
                document.sums[key, default: .init()].base += line.base?.minor ?? 0
                document.sums[key, default: .init()].events.formUnion(
                    events(line.derivedFrom.map { String($0.prefix { $0 != "/" }) }))
            }
            document.organisation = entry.organisation
            document.isLedgers = entry.isLedgers
            document.total = entry.plan.total.minor
            document.references = [entry.plan.id]
            document.plan = entry.plan
            merge(document, into: &out)
        }
        for opening in run.openings {
            var document = ComparedDocument(
                name: "opening:\(opening.event)", form: "opening_balance", covers: [], revision: 1, state: "posted",
                date: opening.date.description)
            for (role, amount) in [(opening.role.text, opening.amount), ("opening_balance_equity", -opening.amount)] {
                let key = lineKey(role, amount.minor > 0 ? "debit" : "credit", nil, [:], amount.currency.code)
                document.sums[key] = .init(amount: abs(amount.minor), base: 0, events: [opening.event])
            }
            document.covers = [opening.event]
            merge(document, into: &out)
        }
        return out
    }

    private func merge(_ document: ComparedDocument, into all: inout [String: ComparedDocument]) {
        if document.form == "refund_payment", document.state == "posted", all[document.key] != nil {
            all[document.key]?.add(document)
        } else if all[document.key] == nil {
            all[document.key] = document
        } else {
            // Two documents of one form for the same events: keep both in sight.
            all[document.key + " again as \(document.name)"] = document
        }
    }

    private typealias Expected = (document: ComparedDocument, details: [JSON], names: [String])

    private mutating func expectedDocuments() -> [String: Expected] {
        var out: [String: Expected] = [:]
        let journal = expect["journal"]?.array ?? []
        let details = expect["documents"]?.array ?? []
        func name(_ json: JSON) -> String { "\(json["document"]?.string ?? "?") v\(json["revision"]?.int ?? 1)" }
        var entries: [String: JSON] = [:]
        for entry in journal { entries[name(entry)] = entry }
        for detail in details {
            let entry = entries.removeValue(forKey: name(detail))
            let form = detail["form"]?.string ?? "?"
            var covers = (detail["covers"]?.array ?? []).compactMap(\.string).sorted()
            let title = detail["document"]?.string ?? "?"
            if form == "opening_balance" { covers = [String(title.drop { $0 != ":" }.dropFirst())] }
            var document = ComparedDocument(
                name: title, form: form, covers: covers, revision: detail["revision"]?.int ?? 1,
                state: detail["state"]?.string ?? "?",
                date: detail["date"]?.string ?? "?")
            if entry == nil, PostingForm(rawValue: form)?.isSilent != true { differ("\(title) is in documents, not in journal") }
            if let entry {
                if entry["date"]?.string != document.date || entry["state"]?.string != document.state {
                    differ("\(title): journal and documents disagree")
                }
                read(entry, into: &document)
            }
            if let entry, entry["organisation"]?.string != detail["organisation"]?.string { differ("\(title): journal and documents disagree") }
            document.organisation = detail["organisation"]?.string
            document.isLedgers = detail["origin"]?.string == "ledger"
            document.total = detail["total"]?.string.flatMap { ExactDecimal($0) }.map { minor($0, document) }
            if form == "refund_payment", document.state == "posted", var known = out[document.key] {
                known.document.add(document)
                out[document.key] = (known.document, known.details + [detail], known.names + [title])
            } else if out[document.key] != nil {
                differ("\(title) cannot be told from another document")
            } else {
                out[document.key] = (document, [detail], [title])
            }
        }
        for left in entries.keys.sorted() { differ("\(left) is in journal, not in documents") }
        return out
    }

    private mutating func read(_ entry: JSON, into document: inout ComparedDocument) {
        for line in entry["lines"]?.array ?? [] {
            guard let currency = line["currency"]?.string.flatMap({ Currency($0) }), let role = line["role"]?.string,
                let amount = (line["debit"] ?? line["credit"])?.string.flatMap({ Money($0, currency) })
            else {
                differ("\(document.name) has a line that cannot be read")
                continue
            }
            var dimension: [String: String] = [:]
            for (key, value) in line["dimension"]?.object ?? [] { dimension[key] = value.string }
            let key = lineKey(
                role, line["debit"] == nil ? "credit" : "debit", line["tax_code"]?.string, dimension, currency.code)
            document.sums[key, default: .init()].amount += amount.minor
            if let base = line["base_amount"]?.string.flatMap({ Money($0, run.base) }) {
                document.sums[key, default: .init()].base += base.minor
            }
            let from = (line["derived_from"]?.array ?? []).compactMap(\.string).map { String($0.prefix { $0 != "/" }) }
            document.sums[key, default: .init()].events.formUnion(from)
        }
    }

    private func minor(_ total: ExactDecimal, _ document: ComparedDocument) -> Int64 {
        let code = document.sums.keys.first?.split(separator: "|").last ?? ""
        return Money(total, Currency(code) ?? run.base)?.minor ?? .min
    }

    private func lineKey(
        _ role: String, _ side: String, _ code: String?, _ dimension: [String: String], _ currency: String
    ) -> String {
        let words = dimension.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        return [role, side, code ?? "", words, currency].joined(separator: "|")
    }

    private mutating func compare(_ ours: ComparedDocument, _ theirs: ComparedDocument, _ details: [JSON]) {
        let name = theirs.name
        same("\(name): state", ours.state, theirs.state)
        same("\(name): date", ours.date, theirs.date)
        same("\(name): revision", String(ours.revision), String(theirs.revision))
        same("\(name): organisation", ours.organisation, theirs.organisation)
        if theirs.form != "opening_balance", ours.isLedgers != theirs.isLedgers {
            differ("\(name): \(ours.isLedgers ? "made" : "not made") in the ledger")
        }
        for key in Set(ours.sums.keys).union(theirs.sums.keys).sorted() {
            guard let a = ours.sums[key], let b = theirs.sums[key] else {
                differ("\(name): line \(key) is \(ours.sums[key] == nil ? "missing" : "not expected")")
                continue
            }
            if a.amount != b.amount { differ("\(name): \(key) is \(a.amount), expected \(b.amount) minor units") }
            if a.base != b.base { differ("\(name): \(key) is \(a.base) in base, expected \(b.base) minor units") }
            if a.events != b.events {
                differ("\(name): \(key) comes from \(a.events.sorted()), expected \(b.events.sorted())")
            }
        }
        if let total = theirs.total, ours.total != total {
            differ("\(name): total is \(ours.total ?? 0), expected \(total) minor units")
        }
        for detail in details { compare(ours, detail, name) }
    }

    private mutating func compare(_ ours: ComparedDocument, _ detail: JSON, _ name: String) {
        guard let plan = ours.plan else { return }
        for (key, value) in detail.object ?? [] {
            switch key {
            case "document", "form", "revision", "state", "date", "total", "covers", "applies_to", "note", "origin",
                "organisation":
                continue
            case "memo":
                for (role, amount) in value.object ?? [] {
                    same("\(name): memo \(role)", plan.memo[role]?.text, amount.string)
                }
            case "reference":
                // Wording is free; every day it names must be named.
                let days = (value.string ?? "").split { !$0.isNumber && $0 != "-" }.map {
                    $0.filter { $0.isNumber || $0 == "-" }
                }.filter { LocalDate($0) != nil }
                for day in days where !(plan.reference ?? "").contains(day) {
                    differ("\(name): its reference does not name \(day)")
                }
                if plan.reference == nil { differ("\(name): it has no reference") }
            case "tax_override": compareOverride(plan, value, name)
            default: differ("\(name): member \(key) is not compared")
            }
        }
        if detail["tax_override"] == nil, let override = plan.taxOverride {
            differ("\(name): tax override \(override.source.text) against \(override.computed.text) not expected")
        }
        if detail["reference"] == nil, let reference = plan.reference {
            differ("\(name): reference '\(reference)' not expected")
        }
        if detail["memo"] == nil, !plan.memo.isEmpty { differ("\(name): memo not expected") }
    }

    private mutating func compareOverride(_ plan: PlannedPosting, _ expected: JSON, _ name: String) {
        if expected["allowed_by"]?.string == "exemption_certificate" {
            let tax = -plan.lines.filter { $0.part == .tax }.map(\.amount).total(plan.currency)
            same("\(name): tax", tax.text, expected["source"]?.string)
            if !(saleOf(plan.caseID)?.taxExempt ?? false) { differ("\(name): the sale is not exempt") }
            return
        }
        let ours = plan.taxOverride
        same("\(name): source tax", ours?.source.text, expected["source"]?.string)
        same("\(name): computed tax", ours?.computed.text, expected["computed"]?.string)
        same("\(name): difference", ours.map { ($0.source - $0.computed).text }, expected["difference"]?.string)
    }

    /// What a document applies to, by the scenario's names.
    mutating func compareAppliesTo(_ matched: [String: ComparedDocument]) {
        for detail in expect["documents"]?.array ?? [] where detail["state"]?.string != "superseded" {
            guard let target = detail["applies_to"]?.string, let name = detail["document"]?.string,
                let ours = matched[name]
            else { continue }
            guard let wanted = matched[target] else {
                differ("\(name) applies to \(target), which was not matched")
                continue
            }
            guard let applies = ours.plan?.appliesTo, wanted.references.contains(applies) else {
                differ("\(name) does not apply to \(target)")
                continue
            }
        }
    }
}
