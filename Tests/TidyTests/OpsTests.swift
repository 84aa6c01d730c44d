import Foundation
import Testing

@Suite("What operators load")
struct OpsTests {
    /// Names of metrics in a text, without what Prometheus adds to a histogram's.
    static func named(_ text: String) -> Set<String> {
        Set(text.matches(of: /counterfoil_[a-z_]+/).map { match in
            ["_bucket", "_sum", "_count"].first { match.0.hasSuffix($0) }.map { String(match.0.dropLast($0.count)) } ?? String(match.0)
        })
    }

    @Test("Prometheus' rules, the dashboard and the page on alerts ask for metrics that there are")
    func metrics() throws {
        let source = try #require(Checkout.file("Sources/Telemetry/Metrics.swift")).text
        let known = Set(source.matches(of: /case \w+ = "(counterfoil_[a-z_]+)"/).map { String($0.1) })
        #expect(known.count > 15)
        for path in ["ops/prometheus/counterfoil.rules.yml", "ops/prometheus/counterfoil.rules.test.yml", "ops/grafana/counterfoil.json", "docs/alerts.md"] {
            let asked = Self.named(try #require(Checkout.file(path)).text)
            #expect(asked.count > 4, "\(path)")
            #expect(asked.subtracting(known).sorted() == [], "\(path)")
        }
        #expect(Self.named("rate(counterfoil_x_seconds_bucket[5m]) counterfoil_y{a=\"b\"}") == ["counterfoil_x_seconds", "counterfoil_y"])
    }

    @Test("every unit for systemd is told of on the page on installing and runs a command that there is; a timer has what it starts")
    func units() throws {
        let page = try #require(Checkout.file("docs/installing.md")).text
        let units = Checkout.files.filter { $0.path.hasPrefix("ops/systemd/") }
        let commands = Set(Checkout.sources.filter { $0.path.hasPrefix("Sources/counterfoil/") }.flatMap { $0.text.matches(of: /static let name = "(\w+)"/).map { String($0.1) } })
        #expect(units.count > 3 && commands.count > 10)
        for unit in units {
            #expect(page.contains("](../\(unit.path))"), "\(unit.path)")
            if unit.name.hasSuffix(".timer") {
                #expect(units.contains { $0.name == unit.name.replacing(".timer", with: ".service") }, "\(unit.path)")
            } else {
                let command = try #require(unit.text.firstMatch(of: /\nExecStart=\/opt\/counterfoil\/counterfoil (\w+)/), "\(unit.path)")
                #expect(commands.contains(String(command.1)), "\(unit.path)")
            }
        }
    }

    @Test("the dashboard is JSON whose panels each ask for something, and overlap nowhere")
    func dashboard() throws {
        let file = try #require(Checkout.file("ops/grafana/counterfoil.json"))
        let json = try #require(try JSONSerialization.jsonObject(with: Data(file.text.utf8)) as? [String: Any])
        let panels = try #require(json["panels"] as? [[String: Any]])
        #expect(panels.count > 10 && Set(panels.compactMap { $0["id"] as? Int }).count == panels.count)
        var taken: Set<[Int]> = []
        for panel in panels {
            let targets = try #require(panel["targets"] as? [[String: Any]])
            #expect(!targets.isEmpty && targets.allSatisfy { ($0["expr"] as? String)?.contains("counterfoil_") == true }, "\(panel["title"] ?? "")")
            let place = try #require(panel["gridPos"] as? [String: Int])
            for x in 0 ..< (place["w"] ?? 0) { for y in 0 ..< (place["h"] ?? 0) { #expect(taken.insert([(place["x"] ?? 0) + x, (place["y"] ?? 0) + y]).inserted, "\(panel["title"] ?? "")") } }
            #expect((place["x"] ?? 0) + (place["w"] ?? 0) <= 24)
        }
    }
}
