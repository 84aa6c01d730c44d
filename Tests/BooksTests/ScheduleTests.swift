import Kernel
import Testing

@testable import Books

private func at(_ text: String) throws -> Timestamp { try #require(Timestamp(rfc3339: text)) }

@Suite struct ScheduleTests {
    /// A rule, its zone, the time after which it is asked for, and the runs that follow.
    struct Golden: Sendable, CustomTestStringConvertible {
        var rule: String
        var zone: String
        var after: String
        var runs: [String]

        init(_ rule: String, _ zone: String, _ after: String, _ runs: [String]) {
            (self.rule, self.zone, self.after, self.runs) = (rule, zone, after, runs)
        }

        var testDescription: String { "\(rule), \(zone), \(after)" }
    }

    static let ordinary: [Golden] = [
        Golden("every 15 minutes", "UTC", "2026-11-22T10:15:00Z", ["2026-11-22T10:30:00Z", "2026-11-22T10:45:00Z"]),
        Golden("every 15 minutes", "UTC", "2026-11-22T10:14:59.5Z", ["2026-11-22T10:15:00Z"]),
        Golden("every 1440 minutes", "America/New_York", "2026-11-22T10:15:00Z", ["2026-11-23T00:00:00Z"]),
        Golden("hourly", "Asia/Kathmandu", "2026-11-22T10:10:00Z", ["2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z"]),
        Golden("hourly", "UTC", "1969-12-31T22:59:59Z", ["1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"]),
        Golden("daily at 06:00", "Asia/Kathmandu", "2026-11-21T00:14:59Z", ["2026-11-21T00:15:00Z", "2026-11-22T00:15:00Z"]),
        Golden("daily at 06:00 Asia/Kathmandu", "UTC", "2026-11-21T00:15:00Z", ["2026-11-22T00:15:00Z"]),
        Golden("0 6 * * 1-5 Europe/London", "UTC", "2026-10-23T04:00:00Z", ["2026-10-23T05:00:00Z", "2026-10-26T06:00:00Z"]),
        Golden("0 6 * * MON-FRI", "Europe/London", "2026-10-23T05:00:00Z", ["2026-10-26T06:00:00Z"]),
        Golden("30 9 1,15 jan,JUL *", "UTC", "2026-01-02T00:00:00Z", ["2026-01-15T09:30:00Z", "2026-07-01T09:30:00Z", "2026-07-15T09:30:00Z"]),
        Golden("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        // Either day where both are narrowed: every Friday, and the 13th.
        Golden("0 0 13 * 5", "UTC", "2026-12-05T00:00:00Z", ["2026-12-11T00:00:00Z", "2026-12-13T00:00:00Z", "2026-12-18T00:00:00Z"]),
        // Both where one begins with a star: Mondays with an odd number.
        Golden("0 0 */2 * 1", "UTC", "2026-11-22T00:00:00Z", ["2026-11-23T00:00:00Z", "2026-12-07T00:00:00Z"]),
        Golden("0 0 * * 7", "UTC", "2026-11-21T00:00:00Z", ["2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"]),
        Golden("0 0 * * 5-7", "UTC", "2026-11-19T00:00:00Z", ["2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-27T00:00:00Z"]),
        Golden("50-59/3,5 23 31 12 *", "UTC", "2026-12-31T23:05:00Z", ["2026-12-31T23:50:00Z", "2026-12-31T23:53:00Z", "2026-12-31T23:56:00Z", "2026-12-31T23:59:00Z", "2027-12-31T23:05:00Z"]),
    ]

    /// The clock skips a time: once, right after. It shows a time twice: once, the first.
    static let changes: [Golden] = [
        Golden("daily at 01:30", "Europe/London", "2026-03-28T12:00:00Z", ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        Golden("daily at 01:30", "Europe/London", "2026-10-24T12:00:00Z", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        Golden("*/30 * * * *", "Europe/London", "2026-03-29T00:15:00Z", ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]),
        Golden("*/30 * * * *", "Europe/London", "2026-10-24T23:45:00Z", ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"]),
        Golden("hourly", "Europe/London", "2026-10-24T23:45:00Z", ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"]),
        Golden("daily at 02:30", "America/New_York", "2026-03-07T12:00:00Z", ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]),
        Golden("0 3 * * *", "America/New_York", "2026-03-07T12:00:00Z", ["2026-03-08T07:00:00Z", "2026-03-09T07:00:00Z"]),
        Golden("daily at 01:30", "America/New_York", "2026-10-31T12:00:00Z", ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]),
        // Asked for between the two times that the clock shows 01:30.
        Golden("daily at 01:30", "America/New_York", "2026-11-01T06:10:00Z", ["2026-11-02T06:30:00Z"]),
        Golden("daily at 02:15", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"]),
        Golden("daily at 01:45", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"]),
        // A day that Samoa never had: once, at the end of the skip.
        Golden("daily at 09:00", "Pacific/Apia", "2011-12-29T00:00:00Z", ["2011-12-29T19:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"]),
        Golden("0 9-11 * * *", "Pacific/Apia", "2011-12-29T21:30:00Z", ["2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"]),
        Golden("0 0 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", ["2011-12-30T10:00:00Z", "2012-12-29T10:00:00Z"]),
    ]

    @Test("runs come when the rule says", arguments: ordinary + changes) func golden(_ golden: Golden) throws {
        let schedule = try Schedule(golden.rule, zone: try Zone.named(golden.zone))
        #expect(schedule.next(golden.runs.count, after: try at(golden.after)).map(\.description) == golden.runs)
    }

    @Test("what is done as it comes has no next run") func realtime() throws {
        let schedule = try Schedule("realtime", zone: .utc)
        #expect(schedule.next(5, after: try at("2026-11-22T00:00:00Z")) == [])
        #expect(schedule.rule == .realtime)
    }

    /// What can't be a schedule, and a word of what is said about it.
    static let refused: [(text: String, says: String)] = [
        ("", "no schedule"), ("now", "no schedule"), ("Realtime", "no schedule"), ("realtime please", "no schedule"), ("hourly at 5", "no schedule"),
        ("@daily", "no schedule"), ("weekly on monday at noon", "no schedule"), ("every minute", "interval"), ("every 0 minutes", "interval"),
        ("every 1441 minutes", "interval"), ("every -5 minutes", "interval"), ("every 15 hours", "interval"), ("every 1.5 minutes", "interval"),
        ("every ١٥ minutes", "without line breaks"), ("daily", "time of day"), ("daily at 6:00", "time of day"), ("daily at 24:00", "time of day"),
        ("daily at 06:60", "time of day"), ("daily at 06:00:00", "time of day"), ("daily at 06:00 Europe/Nowhere", "no time zone"),
        ("daily at 06:00 Europe/London UTC", "time of day"), ("0 6 * *", "no schedule"), ("0 6 * * * * *", "no schedule"), ("0 0 6 * * *", "six fields"),
        ("0 6 * * 1-5 Mars/Olympus", "no time zone"), ("60 * * * *", "not from 0 to 59"), ("0 24 * * *", "not from 0 to 23"), ("0 0 0 * *", "not from 1 to 31"),
        ("0 0 32 * *", "not from 1 to 31"), ("0 0 * 13 *", "not from 1 to 12"), ("0 0 * 0 *", "not from 1 to 12"), ("0 0 * * 8", "not from 0 to 7"),
        ("0 0 31 2 *", "never comes"), ("0 0 31 4,6,9,11 *", "never comes"), ("0 0 30 2 */2", "never comes"), ("*/0 * * * *", "no step"),
        ("*/61 * * * *", "no step"), ("0-10/12 * * * *", "no step"), ("5/10 * * * *", "step without a range"), ("30-10 * * * *", "ends before it begins"),
        ("0 0 * * FRI-MON", "ends before it begins"), ("1, * * * *", "can't be read"), (",1 * * * *", "can't be read"), ("1--2 * * * *", "can't be read"),
        ("1-2-3 * * * *", "can't be read"), ("*/2/2 * * * *", "can't be read"), ("** * * * *", "can't be read"), ("?  * * * 1", "can't be read"),
        ("0 0 L * *", "can't be read"), ("0 0 * * 5#2", "can't be read"), ("001 * * * *", "can't be read"), ("+1 * * * *", "can't be read"),
        ("0 0 * MONDAY *", "can't be read"), ("0 0 * MON *", "can't be read"), ("0 0 * * JAN", "can't be read"), ("0\t6 * * *", "without line breaks"),
        ("0 6 * * *\n", "without line breaks"), (String(repeating: "0,", count: 100) + "0 * * * *", "at most 200"),
    ]

    @Test("what is no schedule is refused with a reason and a remedy", arguments: refused) func refusal(text: String, says: String) {
        let fault = #expect(throws: Fault.self) { try Schedule(text, zone: .utc) }
        #expect(fault?.code == "invalid_schedule")
        #expect(fault?.summary.contains(says) ?? false, "\(fault?.summary ?? "")")
        #expect(fault.map { !$0.remedy.isEmpty } ?? false)
    }

    @Test("everything wrong with a cron line is told at once, field by field") func findings() {
        var findings: [Finding] = []
        #expect(Schedule.read("60 x 32 13 9 Mars/Olympus", zone: .utc, at: "schedules.post", into: &findings) == nil)
        #expect(findings.count == 6)
        #expect(findings.allSatisfy { $0.position == "schedules.post" && $0.check == "invalid_schedule" })
        #expect(findings.map(\.why).joined(separator: "; ").contains("the minute '60' is not from 0 to 59"))
    }

    // MARK: Against a slow reference

    /// A field as it is written, and the values it has.
    private static func field(_ range: ClosedRange<Int>, _ random: inout Seeded) -> (text: String, values: Set<Int>) {
        switch random.int(0 ... 5) {
        case 0, 1: return ("*", Set(range))
        case 2:
            let step = random.int(1 ... range.count)
            return ("*/\(step)", Set(stride(from: range.lowerBound, through: range.upperBound, by: step)))
        case 3:
            let low = random.int(range), high = random.int(low ... range.upperBound)
            return ("\(low)-\(high)", Set(low ... high))
        case 4:
            let low = random.int(range), high = random.int(low ... range.upperBound), step = random.int(1 ... (high - low + 1))
            return ("\(low)-\(high)/\(step)", Set(stride(from: low, through: high, by: step)))
        default:
            let list = (0 ..< random.int(1 ... 3)).map { _ in random.int(range) }
            return (list.map(String.init).joined(separator: ","), Set(list))
        }
    }

    private struct Line {
        var text: String
        var fields: [Set<Int>]
        var isEither: Bool

        init(_ random: inout Seeded) {
            let parts = [0 ... 59, 0 ... 23, 1 ... 31, 1 ... 12, 0 ... 6].map { ScheduleTests.field($0, &random) }
            text = parts.map(\.text).joined(separator: " ")
            fields = parts.map(\.values)
            isEither = !parts[2].text.hasPrefix("*") && !parts[4].text.hasPrefix("*")
        }

        /// By the minutes since 1970 of a local clock.
        func fits(_ local: Int) -> Bool {
            guard fields[0].contains(local % 60), fields[1].contains(local / 60 % 24) else { return false }
            let day = LocalDate(daysSince1970: local / 1440), (_, month, number) = day.civil
            let byNumber = fields[2].contains(number), byWeekday = fields[4].contains((local / 1440 + 4) % 7)
            return fields[3].contains(month) && (isEither ? byNumber || byWeekday : byNumber && byWeekday)
        }
    }

    /// Minute by minute: a run wherever the local clock reaches, or leaps over, a minute that fits and that it has not reached before.
    private static func reference(_ line: Line, _ zone: Zone, after: Timestamp, minutes: Int, most: Int) -> [Timestamp] {
        func local(_ minute: Int64) -> Int { Int(minute + Int64(zone.offset(at: Timestamp(seconds: minute * 60)) / 60)) }
        let start = after.seconds / 60
        var reached = (start - 2880 ... start).map(local).max() ?? 0
        var out: [Timestamp] = []
        for minute in start + 1 ... start + Int64(minutes) where out.count < most {
            let now = local(minute)
            guard now > reached else { continue }
            if (reached + 1 ... now).contains(where: line.fits) { out.append(Timestamp(seconds: minute * 60)) }
            reached = now
        }
        return out
    }

    /// Zones, and an instant near which their clocks change.
    static let edges: [(zone: String, at: String)] = [
        ("Europe/London", "2026-03-29T01:00:00Z"), ("Europe/London", "2026-10-25T01:00:00Z"), ("America/New_York", "2026-03-08T07:00:00Z"),
        ("America/New_York", "2026-11-01T06:00:00Z"), ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"), ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
        ("Asia/Kathmandu", "2026-06-01T00:00:00Z"), ("Pacific/Apia", "2011-12-30T10:00:00Z"), ("Europe/London", "2100-03-28T01:00:00Z"),
    ]

    @Test("next runs are those of a clock that is watched minute by minute, around each change", arguments: edges)
    func property(name: String, edge: String) throws {
        let zone = try Zone.named(name)
        let edge = try at(edge)
        var compared = 0
        for seed in 1 ... 40 as ClosedRange<UInt64> {
            var random = Seeded(seed &* 7919)
            let line = Line(&random)
            let after = Timestamp(seconds: (edge.seconds - Int64(random.int(0 ... 2160)) * 60) / 60 * 60)
            guard let schedule = try? Schedule(line.text, zone: zone) else { continue }
            let wanted = Self.reference(line, zone, after: after, minutes: 4320, most: 60)
            let horizon = after + .seconds(4320 * 60)
            var runs: [Timestamp] = []
            while runs.count < 60, let next = schedule.next(after: runs.last ?? after), next <= horizon { runs.append(next) }
            #expect(runs == wanted, "seed \(seed): \(line.text) after \(after)")
            compared += wanted.count
        }
        #expect(compared > 200, "the comparison compares something")
    }

    @Test("words made of the letters of cron are read or refused, never more, and what is read comes later than now") func fuzz() throws {
        let letters = Array("0123456789*/,-  MONJAN@?#LW").map(String.init)
        let words = ["*", "*/5", "0", "59", "1-5", "MON", "7", "daily", "at", "every", "minutes", "06:00", "UTC", "Europe/London", "realtime", "hourly", "15"]
        var random = Seeded(20261122)
        let now = try at("2026-10-24T23:45:00Z")
        var read = 0
        for _ in 0 ..< 20_000 {
            let text = random.flip()
                ? (0 ..< random.int(0 ... 14)).map { _ in random.pick(letters) }.joined()
                : (0 ..< random.int(1 ... 7)).map { _ in random.pick(words) }.joined(separator: " ")
            var findings: [Finding] = []
            let schedule = Schedule.read(text, zone: .utc, into: &findings)
            #expect((schedule == nil) == !findings.isEmpty, "\(text)")
            guard let schedule else { continue }
            read += 1
            if schedule.rule != .realtime {
                let next = try #require(schedule.next(after: now), "\(text)")
                #expect(next > now && next.seconds % 60 == 0, "\(text)")
            }
        }
        #expect(read > 100)
    }
}
