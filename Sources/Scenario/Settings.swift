internal import Books
internal import Kernel
internal import Wire

/// A scenario's tenant.
struct Settings {
    /// The legal entities; one without an id where the scenario has one.
    var organisations: [Organisation]
    var policies: Policies
    var codes: CodeBook
    var limits: LedgerLimits
    var reorder: ReorderPoint?

    /// The one entity, or the first of several.
    var organisation: Organisation { organisations[0] }
    /// The entity of that id; the first where none is named.
    func organisation(_ id: String?) -> Organisation { organisations.first { $0.id == id } ?? organisation }

    static func read(_ json: JSON, overrides: JSON?, _ problems: inout Problems) -> Settings? {
        problems.keys(
            json, of: "tenant",
            known: ["base_currency", "country", "time_zone", "tax_mode", "policies", "known_reason_codes", "organisations"])
        guard let own = organisation(json, like: nil) else {
            problems.malformed("the tenant needs base_currency, country, time_zone and tax_mode")
            return nil
        }
        let several = (json["organisations"]?.array ?? []).map { organisation($0, like: own) }
        if several.contains(where: { $0?.id == nil }) { problems.malformed("an organisation needs id, base_currency, country and time_zone") }
        var settings = Settings(
            organisations: several.isEmpty ? [own] : several.compactMap(\.self), policies: .template(country: own.country),
            codes: CodeBook(known: Set((json["known_reason_codes"]?.array ?? []).compactMap(\.string))), limits: LedgerLimits())
        guard !settings.organisations.isEmpty else { return nil }
        for (name, value) in (json["policies"]?.object ?? []) + (overrides?.object ?? []) { settings.set(name, value, &problems) }
        for feature in settings.policies.unplanned { problems.unsupported(feature) }
        return settings
    }

    private static func organisation(_ json: JSON, like other: Organisation?) -> Organisation? {
        guard let base = json["base_currency"]?.string.flatMap({ Currency($0) }), let country = json["country"]?.string,
            let zone = json["time_zone"]?.string.flatMap({ try? Zone.named($0) }),
            let mode = json["tax_mode"]?.string.flatMap({ TaxMode(rawValue: $0) }) ?? other?.taxMode
        else { return nil }
        return Organisation(id: json["id"]?.string, baseCurrency: base, country: country, zone: zone, taxMode: mode)
    }

    private mutating func set(_ name: String, _ value: JSON, _ problems: inout Problems) {
        switch name {
        case "ledger_limits":
            problems.keys(value, of: "ledger_limits", known: ["item_name", "line_note"])
            limits.itemName = value["item_name"]?.int
            limits.lineNote = value["line_note"]?.int
        case "reorder":
            problems.keys(value, of: "reorder", known: ["sku", "threshold", "quantity", "when"])
            guard let sku = value["sku"]?.string, let threshold = value["threshold"]?.decimal, let quantity = value["quantity"]?.decimal,
                value["when"]?.string == "below"
            else {
                problems.unsupported("policy reorder")
                return
            }
            reorder = ReorderPoint(sku: sku, threshold: threshold, quantity: quantity)
        default:
            guard let text = Settings.text(name, value) else {
                problems.unsupported("policy \(name)")
                return
            }
            do { try policies.set(name, to: text) } catch { problems.unsupported("policy \(name): \(text)") }
        }
    }

    /// A policy's value as a tenant's file writes it; dated ones are a list here.
    private static func text(_ name: String, _ value: JSON) -> String? {
        if let text = value.string ?? value.bool.map({ $0 ? "true" : "false" }) { return text }
        guard name == "posting", let entries = value.array else { return nil }
        var words: [String] = []
        for entry in entries {
            guard let from = entry["from"]?.string, let text = entry["value"]?.string else { return nil }
            words.append(words.isEmpty ? text : "\(text) from \(from)")
        }
        return words.joined(separator: ", ")
    }
}
