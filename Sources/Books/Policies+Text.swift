public import Kernel

extension Policies {
    /// Sets one policy from its text name and value.
    /// - Throws: `unknown_policy` for a name that is none; `invalid_policy` for a value it does not have, naming
    ///   those it has.
    public mutating func set(_ name: String, to value: String) throws(Fault) {
        switch name {
        case "posting": try setPosting(name, value)
        case "sale_form": saleForm = try choice(name, value)
        case "triggers.sale": saleTrigger = try choice(name, value)
        case "triggers.refund": refundTrigger = try choice(name, value)
        case "triggers.summary": summaryTrigger = try choice(name, value)
        case "post_on": try setPostOn(name, value)
        case "customer": customer = try choice(name, value)
        case "discounts": discounts = try choice(name, value)
        case "discount_dimension": discountDimension = try choice(name, value)
        case "revenue": revenue = try choice(name, value)
        case "edit": edit = try choice(name, value)
        case "closed_period": closedPeriod = try choice(name, value)
        case "zero_total": zeroTotal = try choice(name, value)
        case "fee_tax": feeTax = try choice(name, value)
        case "goodwill_tax": goodwillTax = try choice(name, value)
        case "held_money": heldMoney = try choice(name, value)
        case "deposit_tax": depositTax = try choice(name, value)
        case "marketplace_tax": marketplaceTax = try choice(name, value)
        case "inventory": inventory = try choice(name, value)
        case "fx_rate": exchangeRate = try choice(name, value)
        case "payout_rows": payoutRows = try choice(name, value)
        case "attach": attach = try choice(name, value)
        case "sales_orders": salesOrders = try choice(name, value)
        case "reflect": reflect = try choice(name, value)
        case "masters.paid": paidMaster = try choice(name, value)
        case "masters.void": voidMaster = try choice(name, value)
        case "masters.amount": amountMaster = try choice(name, value)
        case "month_end_split": monthEndSplit = try choice(name, value)
        case "summary_zone": summaryZone = try choice(name, value)
        case "tax_difference_cap": taxDifferenceCap = try amount(name, value)
        case "cash_rounding": cashRounding = try amount(name, value)
        case "rounding_cap": roundingCap = try amount(name, value)
        case "bank_fee_cap": bankFeeCap = try amount(name, value)
        case "rms_wait": rmsWait = try duration(name, value)
        case "bank_wait": bankWait = try duration(name, value)
        case "returns.owner": returnsOwner = try choice(name, value)
        case "returns.from": returnsFrom = try slug(name, value)
        case "day_cut_off": dayCutOff = try timeOfDay(name, value)
        case "entity_by":
            try only(name, value, "line.location")
            entityByLocation = true
        default:
            guard let single = Policies.singleValued[name] else {
                throw Fault(
                    "unknown_policy", stage: .configuration, disposition: .hold,
                    summary: "there is no policy named '\(name.prefix(64))'",
                    remedy: "Known policies are \(Policies.names.joined(separator: ", ")).", position: name)
            }
            try only(name, value, single)
        }
    }

    /// Every policy that `set` takes, sorted.
    public static let names: [String] =
        ([
            "posting", "sale_form", "post_on", "customer", "discounts", "discount_dimension", "revenue", "edit",
            "closed_period", "zero_total",
            "fee_tax", "goodwill_tax", "held_money", "deposit_tax", "marketplace_tax", "inventory", "fx_rate",
            "month_end_split", "summary_zone", "payout_rows", "attach", "sales_orders",
            "tax_difference_cap", "cash_rounding", "rounding_cap", "bank_fee_cap", "rms_wait", "bank_wait",
            "day_cut_off", "entity_by", "returns.owner", "returns.from", "triggers.sale", "triggers.refund",
            "triggers.summary", "reflect", "masters.paid", "masters.void", "masters.amount",
        ] + singleValued.keys).sorted()

    /// Policies with one value as yet: stated so that a file that names them says what it relies on.
    private static let singleValued: [String: String] = [
        "refund_tax": "cumulative", "rms": "enrich", "breakage": "at_expiry", "tips": "payable", "fees": "at_payout",
        "chargeback": "expense",
        "rounding": "half_up", "damaged": "write_off", "landed_cost": "by_value", "drift": "hold",
        "unmapped_code": "hold",
        "inactive_account": "hold", "shipping_discount": "net", "shipping_split": "by_line_net",
        "triggers.payment": "paid", "triggers.payout": "paid", "triggers.deposit": "paid", "triggers.return": "returned",
        "masters.memo": "source",
    ]

    private func choice<V: RawRepresentable & CaseIterable>(_ name: String, _ value: String) throws(Fault) -> V
    where V.RawValue == String {
        guard let found = V(rawValue: value) else {
            throw invalid(name, value, V.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return found
    }

    /// `per_document`, or with later values `per_document, daily_summary from 2026-11-15`.
    private mutating func setPosting(_ name: String, _ value: String) throws(Fault) {
        let entries = value.split(separator: ",", omittingEmptySubsequences: false).map { $0.split(separator: " ").map(String.init) }
        guard let first = entries.first, first.count == 1 else { throw invalid(name, value, "a value, or values with the day each begins") }
        let start: Posting = try choice(name, first[0])
        var changes: [DatedPosting] = []
        for entry in entries.dropFirst() {
            guard entry.count == 3, entry[1] == "from", let from = LocalDate(entry[2]), changes.last.map({ $0.from < from }) ?? true else {
                throw invalid(name, value, "such as per_document, daily_summary from 2026-11-15, days in order")
            }
            changes.append(DatedPosting(from: from, value: try choice(name, entry[0])))
        }
        (posting, postingChanges) = (start, changes)
    }

    /// The older name of `triggers.sale`.
    private mutating func setPostOn(_ name: String, _ value: String) throws(Fault) {
        switch value {
        case "order": saleTrigger = .created
        case "paid": saleTrigger = .paid
        default: throw invalid(name, value, "order, paid")
        }
    }

    private func only(_ name: String, _ value: String, _ allowed: String) throws(Fault) {
        guard value == allowed else { throw invalid(name, value, allowed) }
    }

    private func amount(_ name: String, _ value: String) throws(Fault) -> ExactDecimal {
        guard let found = ExactDecimal(value), !found.isNegative, found.scale <= 4, found < ExactDecimal(1_000_000)
        else {
            throw invalid(name, value, "an amount such as 0.05")
        }
        return found
    }

    /// `PT24H`, `PT90M`, `P3D`.
    private func duration(_ name: String, _ value: String) throws(Fault) -> Duration {
        let digits = value.filter(\.isNumber)
        guard let n = Int64(digits), digits.count <= 6 else { throw invalid(name, value, "a duration such as PT24H") }
        switch value {
        case "PT\(digits)H": return .seconds(n * 3600)
        case "PT\(digits)M": return .seconds(n * 60)
        case "PT\(digits)S": return .seconds(n)
        case "P\(digits)D": return .seconds(n * 86_400)
        default: throw invalid(name, value, "a duration such as PT24H")
        }
    }

    /// A connection's name: lower-case words with hyphens.
    private func slug(_ name: String, _ value: String) throws(Fault) -> String {
        let good = (1 ... 64).contains(value.utf8.count) && value.utf8.allSatisfy { (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 45 }
        guard good else { throw invalid(name, value, "the slug of a connection to a returns system") }
        return value
    }

    private func timeOfDay(_ name: String, _ value: String) throws(Fault) -> Int {
        let parts = value.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let h = Int(parts[0]), let m = Int(parts[1]),
            (0 ..< 24).contains(h), (0 ..< 60).contains(m)
        else { throw invalid(name, value, "a time such as 04:00") }
        return h * 3600 + m * 60
    }

    private func invalid(_ name: String, _ value: String, _ allowed: String) -> Fault {
        Fault(
            "invalid_policy", stage: .configuration, disposition: .hold,
            summary: "policy \(name) cannot be '\(value.prefix(64))'",
            remedy: "Allowed: \(allowed).", position: name)
    }
}
