import FoundationEssentials
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Statements") struct StatementTests {
    @Test("every statement is planned on the migrated schema by the role that runs it") func planned() async throws {
        try await House.with { house in
            for sample in samples(house.tenant) {
                let pool = sample.byWorker ? house.worker.pool : house.supervisor.pool
                // NOTIFY has no plan.
                let sql = sample.name == "JobStatements.wake" ? sample.sql : SQL(stringLiteral: "EXPLAIN ") + sample.sql
                do { try await pool.query(sql) } catch { Issue.record("\(sample.name): \(error)") }
            }
        }
    }

    @Test("the list of samples names every statement there is") func complete() throws {
        let known = Set(samples(SeededRandom(seed: 1).identifier()).map(\.name))
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/Store").standardized.path
        var found: Set<String> = []
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) where file.hasSuffix(".swift") {
            let text = String(decoding: try Data(contentsOf: URL(filePath: "\(folder)/\(file)")), as: UTF8.self)
            var holder = ""
            for line in text.split(separator: "\n") {
                for word in ["enum ", "extension ", "struct "] where line.contains(word) && !line.hasPrefix(" ") {
                    let name = line.components(separatedBy: word).last?.prefix { $0.isLetter } ?? ""
                    holder = name.hasSuffix("Statements") ? String(name) : ""
                }
                guard !holder.isEmpty, line.contains("public static func ") else { continue }
                let name = line.components(separatedBy: "public static func ").last?.prefix { $0.isLetter } ?? ""
                found.insert("\(holder).\(name)")
            }
        }
        #expect(found.count > 100)
        #expect(found.subtracting(known).isEmpty, "no sample for \(found.subtracting(known).sorted())")
        #expect(known.subtracting(found).isEmpty, "no statement \(known.subtracting(found).sorted())")
    }

    /// Names of the index or table scans of a plan.
    private func scans(_ sql: SQL, _ pool: PostgresPool) async throws -> String {
        var text = ""
        for row in try await pool.query(SQL(stringLiteral: "EXPLAIN ") + sql) { text += try row.get(0, as: String.self) + "\n" }
        return text
    }

    @Test("the hot statements find their rows by index, as the tenant, with its name looked up once") func indexed() async throws {
        try await House.with { house in
            // Too little data for the planner's own liking of indexes: what matters is that one fits.
            try await house.owner.query("ALTER ROLE \(unsafe: "t_" + house.tenant.hex) SET enable_seqscan = off")
            let pool = PostgresPool(try await house.loginAgain(), size: 1)
            let hot: [(sql: SQL, index: String)] = [
                (JobStatements.due(house.tenant, limit: 16), "jobs_"), (PostingStatements.due(house.tenant, house.flow, limit: 100), "postings_due"),
                (PostingStatements.posted(house.tenant, house.flow, limit: 100), "postings_due"),
                (PostingStatements.nextAttempt(house.tenant, house.flow), "postings_"),
                (EventStatements.ingested(house.tenant, house.source, limit: 100), "events_"),
                (DocumentStatements.dirty(house.tenant, house.flow, limit: 100), "cases_"),
                (PostingStatements.byKeys(house.tenant, [sampleKey]), "postings_pkey"),
                (IntentStatements.unsettled(house.tenant, house.flow, limit: 100), "intents_"),
            ]
            for (sql, index) in hot {
                let plan = try await scans(sql, pool)
                #expect(plan.contains(index), "\(plan)")
                #expect(!plan.contains("Seq Scan on postings") && !plan.contains("Seq Scan on events") && !plan.contains("Seq Scan on jobs"), "\(plan)")
                #expect(plan.contains("InitPlan"), "the policy's function is called once, not per row: \(plan)")
            }
            await pool.close()
        }
    }
}

extension House {
    /// A login of the tenant's role that keeps settings put on it.
    func loginAgain() async throws -> PostgresConfiguration {
        var out = database.superuser
        out.user = "t_" + tenant.hex
        return out
    }
}
