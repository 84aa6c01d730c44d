internal import AlertRules
internal import Books
internal import Catalog
internal import ConnectorKit
internal import FoundationEssentials
internal import Kernel
internal import Mapping
internal import Wire

/// A folder of tenant files: one consultancy and its client businesses, in JSON5. `${name}` stands for a variable of the command line.
struct TenantFiles {
    var consultancy: JSON
    /// In the order of their file names.
    var tenants: [(file: String, json: JSON)]
    /// The operator's own alert rules and routes; `nil` without such a file.
    var operators: JSON?

    /// - Throws: `tenant_files_unreadable`; `malformed_json` with file, line and column.
    static func read(_ folder: String, variables: [String: String]) throws(Fault) -> TenantFiles {
        func unreadable(_ what: String) -> Fault {
            Fault("tenant_files_unreadable", stage: .configuration, disposition: .reject, summary: what,
                remedy: "A folder of tenants holds consultancy.json5 and one .json5 file a tenant; see tenants/demo.")
        }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { throw unreadable("the folder \(folder) can't be read") }
        var consultancy: JSON?, operators: JSON?
        var tenants: [(file: String, json: JSON)] = []
        for name in names.filter({ $0.hasSuffix(".json5") }).sorted() {
            guard let data = try? Data(contentsOf: URL(filePath: "\(folder)/\(name)")) else { throw unreadable("\(folder)/\(name) can't be read") }
            let text = try expand(String(decoding: data, as: UTF8.self), variables, file: name)
            do throws(Fault) {
                let json = try JSON(json5: text)
                switch name {
                case "consultancy.json5": consultancy = json
                case operatorFile: operators = json
                default: tenants.append((name, json))
                }
            } catch {
                var fault = error
                fault.position = "\(folder)/\(name), \(error.position ?? "?")"
                throw fault
            }
        }
        guard let consultancy else { throw unreadable("\(folder) has no consultancy.json5") }
        return TenantFiles(consultancy: consultancy, tenants: tenants, operators: operators)
    }

    static let operatorFile = "operator.json5"

    private static func expand(_ text: String, _ variables: [String: String], file: String) throws(Fault) -> String {
        var out = ""
        var rest = Substring(text)
        while let mark = rest.firstRange(of: "${") {
            out += rest[..<mark.lowerBound]
            guard let end = rest[mark.upperBound...].firstIndex(of: "}") else { break }
            let name = String(rest[mark.upperBound ..< end])
            guard let value = variables[name] else {
                // A comment may explain ${name}: only the part of a line before `//` counts.
                let line = out.split(separator: "\n", omittingEmptySubsequences: false).last ?? ""
                if line.contains("//") && !line.contains("://") {
                    out += rest[mark.lowerBound ... end]
                    rest = rest[rest.index(after: end)...]
                    continue
                }
                throw Fault("variable_missing", stage: .configuration, disposition: .reject, summary: "\(file) uses ${\(name)}, which is not set",
                    remedy: "Add --set \(name)=VALUE.", position: file)
            }
            out += value
            rest = rest[rest.index(after: end)...]
        }
        return out + rest
    }

    /// What is wrong with the member `alerts`: `{bounds, rules, routes}`.
    private func alertFindings(_ json: JSON, isOperator: Bool) -> [Finding] {
        guard let alerts = json["alerts"] else { return [] }
        var found = Findings()
        for member in alerts.object ?? [] where !["bounds", "rules", "routes"].contains(member.key) {
            found.add("alerts.\(member.key)", "is not a known member", "Known are bounds, rules, routes.")
        }
        let routes = AlertRoute.read(alerts["routes"] ?? .array([]), into: &found, at: "alerts.routes")
        for (n, route) in routes.enumerated() where route.receiver == nil {
            found.add("alerts.routes[\(n)]", "has no receiver", "Add email, webhook or alertmanager.")
        }
        let rules = JSON.object((alerts.object ?? []).filter { $0.key != "routes" })
        _ = RuleBook.read(rules, routes: Set(routes.map(\.name)), isOperator: isOperator, into: &found, at: "alerts")
        return found.list
    }

    /// Members that nobody would read: a misspelt `cut_over` would post what was to be left alone.
    private func memberFindings(_ tenant: JSON) -> [Finding] {
        var found = Findings()
        func look(_ json: JSON, _ known: [String], at place: String) {
            for member in json.object ?? [] where !known.contains(member.key) {
                found.add(place + member.key, "is not a known member", "Known are \(known.joined(separator: ", ")).")
            }
        }
        look(tenant, ["slug", "name", "organisations", "connections", "structure", "rules", "flows", "alerts"], at: "")
        let lists: [(name: String, known: [String])] = [
            ("organisations", ["slug", "name", "country", "base_currency", "time_zone"]),
            ("connections", ["slug", "platform", "account", "base_url", "settings", "credential", "webhook_secret"]),
            ("flows", ["slug", "organisation", "source", "ledger", "policies", "poll_seconds", "cut_over", "schedules"]),
        ]
        for list in lists {
            for (n, item) in (tenant[list.name]?.array ?? []).enumerated() { look(item, list.known, at: "\(list.name)[\(n)].") }
        }
        return found.list
    }

    /// What is wrong with the flows' member `schedules`.
    private func scheduleFindings(_ tenant: JSON) -> [Finding] {
        var found = Findings()
        for (n, flow) in (tenant["flows"]?.array ?? []).enumerated() {
            guard let schedules = flow["schedules"] else { continue }
            let organisation = tenant["organisations"]?.array?.first { $0["slug"]?.string == flow["organisation"]?.string }
            // A zone that is none is told of by itself.
            let zone = (try? Zone.named(organisation?["time_zone"]?.string ?? "")) ?? .utc
            _ = ScheduleText.read(schedules, zone: zone, into: &found, at: "flows[\(n)].schedules")
        }
        return found.list
    }

    /// Everything wrong with the files, with its place.
    func findings() -> [(file: String, finding: Finding)] {
        var out: [(String, Finding)] = []
        func add(_ file: String, _ position: String, _ why: String, _ remedy: String) {
            out.append((file, Finding(check: "invalid_configuration", why: why, remedy: remedy, position: position)))
        }
        for key in ["slug", "name"] where (consultancy[key]?.string ?? "").isEmpty { add("consultancy.json5", key, "is missing", "Give the consultancy a \(key).") }
        if let operators {
            for member in operators.object ?? [] where member.key != "alerts" { add(TenantFiles.operatorFile, member.key, "is not a known member", "Known is alerts.") }
            out += alertFindings(operators, isOperator: true).map { (TenantFiles.operatorFile, $0) }
        }
        for (file, tenant) in tenants {
            out += alertFindings(tenant, isOperator: false).map { (file, $0) }
            for key in ["slug", "name"] where (tenant[key]?.string ?? "").isEmpty { add(file, key, "is missing", "Give the tenant a \(key).") }
            out += memberFindings(tenant).map { (file, $0) }
            let organisations = Set((tenant["organisations"]?.array ?? []).compactMap { $0["slug"]?.string })
            let connections = Set((tenant["connections"]?.array ?? []).compactMap { $0["slug"]?.string })
            for (n, organisation) in (tenant["organisations"]?.array ?? []).enumerated() {
                if Currency(organisation["base_currency"]?.string ?? "") == nil { add(file, "organisations[\(n)].base_currency", "is no currency", "Write three capital letters, such as GBP.") }
                if (try? Zone.named(organisation["time_zone"]?.string ?? "")) == nil { add(file, "organisations[\(n)].time_zone", "is no time zone", "Write an IANA name, such as Europe/London.") }
            }
            for (n, connection) in (tenant["connections"]?.array ?? []).enumerated() {
                let platform = connection["platform"]?.string ?? ""
                if Catalog.byID[platform] == nil {
                    add(file, "connections[\(n)].platform", "'\(platform)' has no connector", "There are \(Catalog.byID.keys.sorted().joined(separator: ", ")).")
                }
            }
            for (n, flow) in (tenant["flows"]?.array ?? []).enumerated() {
                if !organisations.contains(flow["organisation"]?.string ?? "") { add(file, "flows[\(n)].organisation", "names no organisation of the file", "Use one of \(organisations.sorted().joined(separator: ", ")).") }
                for key in ["source", "ledger"] where !connections.contains(flow[key]?.string ?? "") {
                    add(file, "flows[\(n)].\(key)", "names no connection of the file", "Use one of \(connections.sorted().joined(separator: ", ")).")
                }
                if let day = flow["cut_over"], LocalDate(day.string ?? "") == nil { add(file, "flows[\(n)].cut_over", "is no day", "Write YYYY-MM-DD, such as 2026-11-01.") }
                var policies = Policies()
                for member in PolicyText.flat(flow["policies"] ?? [:]).object ?? [] {
                    do throws(Fault) { try policies.set(member.key, to: member.value.string ?? "") } catch {
                        add(file, "flows[\(n)].policies.\(member.key)", error.summary, error.remedy)
                    }
                }
                for need in policies.needs {
                    let sources = (tenant["connections"]?.array ?? []).filter { [flow["source"]?.string, policies.returnsFrom].contains($0["slug"]?.string) }
                        .compactMap { Catalog.byID[$0["platform"]?.string ?? ""] as? any SourceConnector }
                    if !sources.isEmpty, !sources.contains(where: { $0.tells.contains(need.fact) }) {
                        add(file, "flows[\(n)].policies.\(need.policy)", "waits for what the flow's sources do not tell: \(need.fact.words)", "Choose another value.")
                    }
                }
                if let from = policies.returnsFrom, !connections.contains(from) {
                    add(file, "flows[\(n)].policies.returns.from", "names no connection of the file", "Use one of \(connections.sorted().joined(separator: ", ")).")
                }
            }
            out += scheduleFindings(tenant).map { (file, $0) }
            var found = Findings()
            _ = AccountStructure.read(tenant["structure"] ?? .object([]), version: 1, into: &found)
            _ = RuleSet.read(tenant["rules"] ?? .object([]), version: 1, into: &found)
            out += found.list.map { (file, $0) }
        }
        return out
    }
}
