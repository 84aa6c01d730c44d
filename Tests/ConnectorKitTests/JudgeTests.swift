import Books
import Catalog
import ConnectorKit
import Kernel
import Testing
import Wire

@Suite("What an answer means")
struct JudgeTests {
    /// A read and a write as the connector makes them; a source writes nothing, so its write is made up.
    private func calls(_ id: String) throws -> (read: Call, write: Call) {
        let specimen = try Specimen(id)
        let it = try connector(id)
        let read = try #require(
            play(it.identify(specimen.facts), it, most: 1) { _, _ in HTTPResponse(500) }.calls.first)
        guard let ledger = it as? any LedgerConnector else {
            return (read, Call(.write, HTTPRequest(.post, read.request.path, body: Array("{}".utf8)), cost: read.cost))
        }
        let write = try #require(
            play(ledger.create([document(.invoice, at: id)], attempt: "a", specimen.facts), it, most: 1) { _, _ in
                HTTPResponse(500)
            }.calls.first)
        #expect(read.kind == .read && write.kind == .write)
        return (read, write)
    }

    /// Statuses that a platform may give a meaning of its own.
    private static let known: Set<Int> = [401, 402, 403, 404, 408, 409, 423, 425, 429, 430]

    private func expected(_ status: Int, _ kind: Call.Kind) -> Set<String> {
        let undecided: Set<String> = kind == .write ? ["outcomeUnknown"] : ["unavailable"]
        switch status {
        case 200 ..< 300:
            return kind == .write ? ["accepted", "outcomeUnknown"] : ["accepted", "unavailable", "rejected"]
        case 300 ..< 400: return undecided.union(["rejected"])
        case 401: return ["reauthorize"]
        case 429: return ["throttled"]
        case 404: return kind == .read ? ["accepted", "rejected"] : ["rejected"]
        case 408: return undecided
        case 425: return undecided.union(["rejected"])
        case 402, 403, 409, 423, 430: return ["rejected", "reauthorize", "unavailable", "throttled", "duplicate"]
        case 400 ..< 500: return ["rejected"]
        default: return undecided
        }
    }

    @Test(
        "every status has a meaning, whatever the body: an unknown 4xx is a no, an unknown 5xx to a write leaves the outcome open",
        arguments: ids)
    func total(id: String) throws {
        let it = try connector(id)
        let (read, write) = try calls(id)
        for status in Array(100 ... 599) + [-1, 0, 99, 600, 999, .max] {
            for call in [read, write] {
                let allowed = expected(status, call.kind)
                for (name, bytes) in foreignBodies {
                    let verdict = word(it.judge(HTTPResponse(status, body: bytes), to: call))
                    #expect(allowed.contains(verdict), "\(status) with \(name) to a \(call.kind): \(verdict)")
                }
            }
        }
    }

    @Test(
        "objects that no platform's format explains make no difference to a status that is not a success",
        arguments: ids)
    func objects(id: String) throws {
        let it = try connector(id)
        let (read, write) = try calls(id)
        for status in 300 ... 599 where !Self.known.contains(status) {
            for call in [read, write] {
                let plain = word(it.judge(HTTPResponse(status), to: call))
                for (name, bytes) in oddBodies {
                    let verdict = word(it.judge(HTTPResponse(status, body: bytes), to: call))
                    #expect(verdict == plain, "\(status) with \(name) to a \(call.kind)")
                }
            }
        }
    }

    @Test("each error as the vendor words it means what it must, to a read and to a write", arguments: ids)
    func vendor(id: String) throws {
        let it = try connector(id)
        let (read, write) = try calls(id)
        for problem in try Specimen(id).errors {
            #expect(
                word(it.judge(problem.response, to: read)) == problem.read,
                "\(problem.response.status) \(problem.response.bodyText)")
            #expect(
                word(it.judge(problem.response, to: write)) == problem.write,
                "\(problem.response.status) \(problem.response.bodyText)")
        }
    }

    @Test("no 5xx to a write is ever taken for a no, even with a body that says one", arguments: ids)
    func refusalUnder500(id: String) throws {
        let it = try connector(id)
        let write = try calls(id).write
        for problem in try Specimen(id).errors {
            for status in [500, 502, 503, 504, 520, 599] {
                // SOAP puts every fault under a 500, those too that say that nothing was done (SOAP 1.1, section 6.2); each has its own verdict above.
                if status == 500, case .fault? = SOAP.read(problem.response) { continue }
                let verdict = word(
                    it.judge(
                        HTTPResponse(status, fields: problem.response.fields, body: problem.response.body), to: write))
                #expect(
                    ["outcomeUnknown", "throttled"].contains(verdict),
                    "\(status) \(problem.response.bodyText): \(verdict)")
            }
        }
    }

    @Test(
        "spoiled errors stop nothing, and what is told of them is short, on one line and names no credential",
        arguments: ids)
    func spoiled(id: String) throws {
        let it = try connector(id)
        let (read, write) = try calls(id)
        let problems = try Specimen(id).errors
        try #require(!problems.isEmpty, "the specimen has none of the vendor's errors yet")
        for seed in 1 ... 150 as ClosedRange<UInt64> {
            var chance = Seeded(seed)
            let problem = chance.pick(problems)
            let body =
                (try? JSON(parsing: problem.response.body)).map { chance.spoiled($0) }
                ?? Array(problem.response.body.dropLast(chance.int(0 ... 40)))
            var fields = problem.response.fields
            fields["Retry-After"] = chance.pick([
                "", "-1", "2", "1e9", "99999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT", "0.0000001",
            ])
            let status = chance.pick([200, problem.response.status, chance.int(100 ... 599)])
            for call in [read, write] {
                let verdict = it.judge(HTTPResponse(status, fields: fields, body: body), to: call)
                if case .throttled(let after, let bucket) = verdict {
                    #expect(after.map { $0 >= .zero && $0 <= .seconds(86_400) } ?? true, "seed \(seed)")
                    #expect(bucket.map { name in it.spec.limits.contains { $0.name == name } } ?? true, "seed \(seed)")
                }
                guard let fault = fault(verdict) else { continue }
                #expect(
                    fault.description.count < 1_500 && !fault.description.unicodeScalars.contains { $0.value < 32 },
                    "seed \(seed): \(fault.description.prefix(200))")
                #expect(!fault.code.isEmpty && !fault.summary.isEmpty, "seed \(seed)")
            }
        }
    }

    @Test("what an answer says of budgets are budgets that exist", arguments: ids)
    func readings(id: String) throws {
        let it = try connector(id)
        let names = Set(it.spec.limits.map(\.name))
        for response in try Specimen(id).answers {
            for reading in it.readings(response) { #expect(names.contains(reading.name) && reading.remaining >= 0) }
            for seed in 1 ... 20 as ClosedRange<UInt64> {
                var chance = Seeded(seed)
                var changed = response
                for field in response.fields.list {
                    changed.fields[field.name] = chance.pick(["", "-1", "x", "99999999999999999999", "7", "1e3"])
                }
                if let json = try? JSON(parsing: response.body) { changed.body = chance.spoiled(json) }
                for reading in it.readings(changed) {
                    #expect(names.contains(reading.name) && reading.remaining >= 0, "seed \(seed)")
                }
            }
        }
    }
}
