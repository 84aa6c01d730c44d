internal import Books
internal import Kernel
internal import Wire

/// Holds what came out against what a scenario expects. Every member of the expectation is compared, or the file
/// names an unsupported one.
struct Comparison {
    let expect: JSON
    let run: Run
    let variants: [String: Run]
    var differences: [String] = []
    /// What could not be compared because another variant could not run.
    var unsupported: [String] = []

    /// Members of `expect` that are compared.
    static let members: Set<String> = [
        "name", "policies", "journal", "balances", "balances_currency", "open_items", "held", "documents", "invariants",
        "allocations", "remaining",
        "checkpoints", "proof", "names", "stock", "cost_of_lines", "write_back",
    ]

    init(expect: JSON, run: Run, variants: [String: Run]) {
        self.expect = expect
        self.run = run
        self.variants = variants
    }

    mutating func perform() {
        differences += run.broken
        let documents = compareDocuments()
        compareAppliesTo(documents)
        compareBalances()
        compareHeld()
        compareOpenItems()
        compareRemaining()
        compareAllocations()
        compareCheckpoints()
        compareProof()
        compareNames()
        compareStock()
        compareWriteBacks()
        compareInvariants()
        reconcile()
    }

    mutating func differ(_ text: String) { differences.append(text) }

    /// Compares two texts under a name.
    mutating func same(_ name: String, _ ours: String?, _ theirs: String?) {
        if ours != theirs { differ("\(name) is \(ours ?? "absent"), expected \(theirs ?? "none")") }
    }

    /// The event ids that our documents stand for.
    func events(_ ids: [String]) -> [String] { Set(ids.map { run.eventOf[$0] ?? $0 }).sorted() }

    var posted: [Entry] { run.entries.filter { $0.state == .posted } }

    // MARK: Balances and checkpoints

    private mutating func compareBalances() {
        let several = run.settings.organisations.compactMap(\.id)
        if several.isEmpty {
            compare("balance", run.balances { _ in true }, expect["balances"])
        } else {
            for key in (expect["balances"]?.object ?? []).map(\.key) where !several.contains(key) { differ("\(key) is no organisation") }
            for entity in several {
                let base = run.settings.organisation(entity).baseCurrency
                compare("\(entity): balance", run.balances(of: entity) { _ in true }, expect["balances"]?[entity], base: base)
            }
        }
        let ours = run.foreignBalances()
        var expected: [String: String] = [:]
        for (role, amounts) in expect["balances_currency"]?.object ?? [] {
            for (currency, amount) in amounts.object ?? [] { expected["\(role) \(currency)"] = amount.string }
        }
        guard expect["balances_currency"] != nil || ours.values.contains(where: { !$0.isZero }) else { return }
        for key in Set(ours.keys).union(expected.keys).sorted() {
            let zero = ours[key]?.currency ?? key.split(separator: " ").last.flatMap { Currency($0) } ?? run.base
            same("foreign balance of \(key)", (ours[key] ?? .zero(zero)).text, expected[key] ?? Money.zero(zero).text)
        }
    }

    private mutating func compare(_ name: String, _ ours: [Role: Money], _ theirs: JSON?, base: Currency? = nil, listedOnly: Bool = false) {
        var expected: [String: String] = [:]
        for (role, amount) in theirs?.object ?? [] { expected[role] = amount.string }
        let zero = Money.zero(base ?? run.base)
        for role in Set(listedOnly ? [] : ours.keys.map(\.text)).union(expected.keys).sorted() {
            same("\(name) of \(role)", (ours[Role(role)] ?? zero).text, expected[role] ?? zero.text)
        }
    }

    private mutating func compareCheckpoints() {
        for point in expect["checkpoints"]?.array ?? [] {
            if let event = point["before_event"]?.string {
                guard let balances = run.before[event] else {
                    differ("checkpoint before \(event), which is no event")
                    continue
                }
                compare("before \(event), balance", balances, point["balances"], listedOnly: true)
            } else if let date = point["date"]?.string.flatMap({ LocalDate($0) }) {
                compare("on \(date), balance", run.balances { $0 <= date }, point["balances"], listedOnly: true)
            } else {
                differ("a checkpoint has neither before_event nor date")
            }
        }
    }

    // MARK: Held

    private mutating func compareHeld() {
        var ours: [String: HeldItem] = [:]
        for item in run.held {
            let key = "\(item.finding.check) on \(item.form) for \(item.event)"
            if ours.updateValue(item, forKey: key) != nil { differ("held twice: \(key)") }
        }
        for expected in expect["held"]?.array ?? [] {
            let form = (expected["document"]?.string ?? "").split(separator: ":").first.map(String.init) ?? ""
            let key = "\(expected["check"]?.string ?? "") on \(form) for \(expected["event"]?.string ?? "")"
            guard let item = ours.removeValue(forKey: key) else {
                differ("not held: \(key)")
                continue
            }
            same("\(key): released_by", item.releasedBy, expected["released_by"]?.string)
            let revision = item.releasedBy == nil ? item.revision.map(String.init) : nil
            if item.releasedBy == nil {
                same("\(key): revision", revision, expected["revision"].flatMap(\.int).map(String.init))
            }
            for (name, value) in expected.object ?? [] {
                switch name {
                case "check", "document", "why", "remedy", "event", "released_by", "revision": continue
                case "difference":
                    let figure = item.finding.figures[name]
                    same("\(key): \(name)", value.string?.hasPrefix("-") == true ? figure?.text : figure?.magnitude.text, value.string)
                default: same("\(key): \(name)", item.finding.figures[name]?.text, value.string)
                }
            }
        }
        for (key, item) in ours.sorted(by: { $0.key < $1.key }) {
            differ("held, and should not be: \(key): \(item.finding.why)")
        }
    }

    // MARK: What remains, allocations, proof

    private mutating func compareRemaining() {
        for expected in expect["remaining"]?.array ?? [] {
            let (order, line) = (expected["order"]?.string ?? "", expected["line"]?.string ?? "")
            let remaining = run.cases[order].flatMap {
                Planner.remaining(
                    $0, organisation: run.settings.organisation, policies: run.settings.policies,
                    ledger: run.ledger(order), codes: run.codes)
            }
            guard let ours = remaining?.lines.first(where: { $0.line == line }) else {
                differ("nothing is known to remain of \(order)/\(line)")
                continue
            }
            same(
                "remaining units of \(order)/\(line)", ours.quantity.shortest.description,
                expected["qty"]?.decimal?.shortest.description)
            same("remaining net of \(order)/\(line)", ours.net.text, expected["net"]?.string)
            same("remaining total of \(order)/\(line)", ours.total.text, expected["total"]?.string)
            var taxes: [String: String] = [:]
            for tax in expected["taxes"]?.array ?? [] {
                taxes[tax["jurisdiction"]?.string ?? ""] = tax["amount"]?.string
            }
            for name in Set(taxes.keys).union(ours.taxes.keys).sorted() {
                same("remaining tax of \(order)/\(line) for \(name)", ours.taxes[name]?.text, taxes[name])
            }
        }
    }

    private mutating func compareAllocations() {
        for expected in expect["allocations"]?.array ?? [] {
            let of = expected["of"]?.string ?? ""
            let parts = of.split(separator: "/").map(String.init)
            guard parts.count == 2, let sale = saleOf(parts[0]),
                let amount = expected["amount"]?.string.flatMap({ Money($0, sale.currency) })
            else {
                differ("allocation of \(of) has no sale")
                continue
            }
            if sale.shipping.contains(where: { $0.id == parts[1] }) {
                let entities = run.settings.organisations
                let nets = EntityPlanner.weights(sale, organisations: entities)
                compare(expected, amount, nets, to: entities.compactMap(\.id))
                continue
            }
            let lines = sale.lines
            var weights = lines.map(\.gross)
            if sale.orderTaxes.contains(where: { $0.id == parts[1] }) {
                let off = Allocation.shares(of: sale.discounts.map(\.amount).total(sale.currency), weights: weights)
                weights = zip(weights, off).map { $0 - $1 }
            } else if !sale.discounts.contains(where: { $0.id == parts[1] }) {
                differ("allocation of \(of), which is neither a discount nor a tax of the order")
            }
            compare(expected, amount, weights, to: lines.map(\.id))
        }
    }

    private mutating func compare(_ expected: JSON, _ amount: Money, _ weights: [Money], to: [String]) {
        let of = expected["of"]?.string ?? ""
        let shares = Allocation.shares(of: amount, weights: weights)
        same("allocation of \(of): weights", weights.map(\.text).joined(separator: " "), texts(expected["weights"]))
        same("allocation of \(of): shares", shares.map(\.text).joined(separator: " "), texts(expected["shares"]))
        same("allocation of \(of): to", to.joined(separator: " "), texts(expected["to"]))
        let whole = weights.total(amount.currency).decimal
        for (exact, weight) in zip(expected["exact"]?.array ?? [], weights)
        where exact.decimal.map({ $0 * whole != amount.decimal * weight.decimal }) ?? true {
            differ("allocation of \(of): exact share of \(weight.text) is not \(exact.string ?? "?")")
        }
    }

    private func texts(_ json: JSON?) -> String? { json?.array?.compactMap(\.string).joined(separator: " ") }

    func saleOf(_ order: String) -> Sale? {
        run.cases[order]?.documents.lazy.compactMap { if case .sale(let sale) = $0.body { sale } else { nil } }.first
    }

    private mutating func compareProof() {
        guard let proof = expect["proof"] else { return }
        let orders = run.events.filter { $0.type == "order" }.map(\.id)
        let sales = run.entries.filter {
            $0.state == .posted && [.invoice, .salesReceipt, .memo].contains($0.plan.form)
        }
        let cancelled = Set(
            run.events.compactMap { event -> String? in
                guard event.type == "cancel", case .document(let document) = event.effect else { return nil }
                return document.caseID
            })
        var counts: [String: Int] = ["orders": orders.count, "posted": 0, "memo": 0, "skipped": 0, "cancelled": 0]
        for order in orders {
            let forms = sales.filter { $0.plan.subject == order }.map(\.plan.form)
            let skipped = run.settings.policies.zeroTotal == .skip && saleOf(order)?.total.isZero ?? false
            let kind =
                forms.contains(.memo)
                ? "memo"
                : !forms.isEmpty ? "posted" : cancelled.contains(order) ? "cancelled" : skipped ? "skipped" : "open"
            counts[kind, default: 0] += 1
        }
        for (name, value) in proof.object ?? [] { same("proof: \(name)", counts[name].map(String.init), value.string) }
    }

    private mutating func compareNames() {
        guard let names = expect["names"] else { return }
        let limit = names["limit_characters"]?.int ?? 0
        same("the limit of item names", run.settings.limits.itemName.map(String.init), String(limit))
        var short: [String: String] = [:]
        for item in names["items"]?.array ?? [] {
            let (place, full) = (item["line"]?.string ?? "", item["full"]?.string ?? "")
            let line = posted.flatMap(\.plan.lines).first { $0.part == .goods && $0.derivedFrom.contains(place) }
            same("the title of \(place)", line?.text, full)
            let name = shortName(line?.text ?? "", limit: limit)
            if name.count > limit { differ("the name of \(place) has \(name.count) characters") }
            if name != shortName(full, limit: limit) { differ("the name of \(place) is not the same at another run") }
            if let other = short.updateValue(place, forKey: name) { differ("\(place) and \(other) have the same name") }
            if item["full_in"]?.string == "line note", full.count > run.settings.limits.lineNote ?? .max {
                differ("\(place) does not fit the line note")
            }
        }
    }

    private mutating func compareStock() {
        for expected in expect["stock"]?.array ?? [] {
            let sku = expected["sku"]?.string ?? ""
            let ours = run.stock?.onHand.first { $0.sku == sku }
            same("stock of \(sku): units", ours?.quantity.shortest.description, expected["qty"]?.decimal?.shortest.description)
            same("stock of \(sku): value", ours?.value.text, expected["value"]?.string)
        }
        for expected in expect["cost_of_lines"]?.array ?? [] {
            let line = expected["line"]?.string ?? ""
            same("cost of \(line)", run.stock?.costs[line]?.text, expected["cost"]?.string)
        }
    }

    private mutating func compareWriteBacks() {
        let ours = run.writeBacks.map { "\($0.document) \($0.says) from \($0.from)" }
        let theirs = (expect["write_back"]?.array ?? []).map { entry in
            "\(entry["document"]?.string ?? "") \(entry["says"]?.string ?? "") from \(entry["from"]?.string ?? "")"
        }
        guard expect["write_back"] != nil || !ours.isEmpty else { return }
        same("what the source is told", ours.joined(separator: "; "), theirs.joined(separator: "; "))
    }

    // MARK: Invariants

    private mutating func compareInvariants() {
        for invariant in expect["invariants"]?.array ?? [] {
            let text = invariant["text"]?.string ?? ""
            switch invariant["rule"]?.string {
            case nil: continue
            case "role_balance":
                let ours = run.balances { _ in true }[Role(invariant["role"]?.string ?? "")] ?? .zero(run.base)
                same("invariant '\(text)'", ours.text, invariant["amount"]?.string)
            case "document_count":
                let wanted = invariant["form"]?.string
                let count = posted.filter { entry in
                    wanted.map { $0 == entry.plan.form.rawValue } ?? !entry.plan.form.isSilent
                }.count
                same("invariant '\(text)'", String(count), invariant["count"]?.int.map(String.init))
            case "balances_equal":
                let between = (invariant["between"]?.array ?? []).compactMap(\.string)
                for name in between where variants[name] == nil {
                    unsupported.append("balances_equal with variant \(name)")
                }
                guard between.allSatisfy({ variants[$0] != nil }) else { continue }
                let sums = between.map { variants[$0]?.balances { _ in true }.filter { !$0.value.isZero } }
                if sums.contains(where: { $0 == nil || $0 != sums[0] }) {
                    differ("invariant '\(text)': \(between.joined(separator: " and ")) differ")
                }
            case "not_covered":
                let covered = Set(posted.flatMap { events(run.covers($0)) })
                for event in (invariant["events"]?.array ?? []).compactMap(\.string) where covered.contains(event) {
                    differ("invariant '\(text)': \(event) is covered")
                }
            case "exactly_once":
                for event in run.events where ["order", "payment", "refund"].contains(event.type) {
                    let n = posted.filter { events(run.covers($0)).contains(event.id) }.count
                    if n != 1 { differ("invariant '\(text)': \(event.id) is in \(n) documents") }
                }
            case let rule?: differ("invariant rule \(rule) is not known")
            }
        }
    }
}
