internal import Books
internal import Kernel
internal import Wire

/// A scenario's tenant.
struct Settings {
    var organisation: Organisation
    var policies: Policies
    var codes: CodeBook
    var limits: LedgerLimits

    static func read(_ json: JSON, overrides: JSON?, _ problems: inout Problems) -> Settings? {
        problems.keys(
            json, of: "tenant",
            known: ["base_currency", "country", "time_zone", "tax_mode", "policies", "known_reason_codes"])
        guard let base = json["base_currency"]?.string.flatMap({ Currency($0) }), let country = json["country"]?.string,
            let zone = json["time_zone"]?.string.flatMap({ try? Zone.named($0) }),
            let mode = json["tax_mode"]?.string.flatMap({ TaxMode(rawValue: $0) })
        else {
            problems.malformed("the tenant needs base_currency, country, time_zone and tax_mode")
            return nil
        }
        var policies = Policies.template(country: country)
        var limits = LedgerLimits()
        for (name, value) in (json["policies"]?.object ?? []) + (overrides?.object ?? []) {
            if name == "ledger_limits" {
                problems.keys(value, of: "ledger_limits", known: ["item_name", "line_note"])
                limits.itemName = value["item_name"]?.int
                limits.lineNote = value["line_note"]?.int
            } else if let text = value.string ?? value.bool.map({ $0 ? "true" : "false" }) {
                do { try policies.set(name, to: text) } catch { problems.unsupported("policy \(name): \(text)") }
            } else {
                problems.unsupported("policy \(name)")
            }
        }
        for feature in policies.unsupported { problems.unsupported(feature) }
        let known = (json["known_reason_codes"]?.array ?? []).compactMap(\.string)
        return Settings(
            organisation: Organisation(baseCurrency: base, country: country, zone: zone, taxMode: mode),
            policies: policies,
            codes: CodeBook(known: Set(known)), limits: limits)
    }
}
