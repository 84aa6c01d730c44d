public import Wire
internal import Books

/// What running one scenario (or one variant of it) showed. Green only when nothing differs and nothing in it is
/// beyond the engine.
public struct ScenarioReport: Sendable, Equatable {
    public var id: String
    /// `nil` where the scenario expects one result.
    public var variant: String?
    /// Each a sentence: what was expected and what came out.
    public var differences: [String]
    /// Features that the scenario names and the engine lacks. Its expectation was then not compared.
    public var unsupported: [String]

    public var passed: Bool { differences.isEmpty && unsupported.isEmpty }
}

/// Runs a scenario through normalise, map, plan, checks, a plain ledger and reconciliation, and compares everything
/// it expects. One report per variant.
public func checkScenario(_ json: JSON) -> [ScenarioReport] {
    let id = json["id"]?.string ?? "?"
    guard let expect = json["expect"] else {
        return [ScenarioReport(id: id, variant: nil, differences: ["the file has no expect"], unsupported: [])]
    }
    let variants = expect["variants"]?.array ?? [expect]
    var runs: [(name: String?, expect: JSON, problems: Problems, run: Run?)] = []
    for variant in variants {
        var problems = Problems()
        problems.keys(variant, of: "expect", known: Comparison.members)
        let settings = Settings.read(json["tenant"] ?? .null, overrides: variant["policies"], &problems)
        var run: Run?
        if let settings {
            var settings = settings
            let events = (json["events"]?.array ?? []).compactMap { Event.read($0, settings, &problems) }
            // Where a returns system is connected, the shop's refunds wait for what it knows of them.
            if events.contains(where: { $0.type == "return" }), settings.policies.rmsWait == nil { settings.policies.rmsWait = .seconds(86_400) }
            run = Run(settings: settings, events: events)
        }
        runs.append((variant["name"]?.string, variant, problems, run))
    }
    var outcomes: [String: Run] = [:]
    for i in runs.indices where runs[i].problems.isEmpty {
        runs[i].run?.perform()
        if let name = runs[i].name, let run = runs[i].run { outcomes[name] = run }
    }
    return runs.map { entry in
        var differences = entry.problems.malformed
        var unsupported = entry.problems.unsupported
        if entry.problems.isEmpty, let run = entry.run {
            var comparison = Comparison(expect: entry.expect, run: run, variants: outcomes)
            comparison.perform()
            differences += comparison.differences
            unsupported += comparison.unsupported
        }
        if entry.run == nil && entry.problems.isEmpty { differences.append("the tenant cannot be read") }
        return ScenarioReport(id: id, variant: entry.name, differences: differences, unsupported: unsupported)
    }
}

/// What stands in the way of running a scenario.
struct Problems {
    private(set) var unsupported: [String] = []
    private(set) var malformed: [String] = []

    var isEmpty: Bool { unsupported.isEmpty && malformed.isEmpty }

    mutating func unsupported(_ feature: String) { if !unsupported.contains(feature) { unsupported.append(feature) } }
    mutating func malformed(_ what: String) { malformed.append(what) }

    /// Any member that is not `known` is a feature that would silently be left out.
    mutating func keys(_ json: JSON, of place: String, known: Set<String>) {
        for (key, value) in json.object ?? [] where !known.contains(key) && !value.isNull {
            unsupported("\(place).\(key)")
        }
    }
}
