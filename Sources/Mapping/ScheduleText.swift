public import Books
public import Kernel
public import Wire

/// A flow's schedules as files and the API write them: `{"pull": "every 15 minutes", "post": "daily at 06:00", "payment": "realtime"}`.
public enum ScheduleText {
    /// As it is kept: words with one space between them.
    public static func plain(_ text: String) -> String { text.split(separator: " ").joined(separator: " ") }

    /// Reads all of them, collecting every finding; those that could be read, in the order of the text.
    /// - Parameter zone: whose clock counts where a schedule names none.
    public static func read(
        _ json: JSON, zone: Zone, into findings: inout Findings, at position: String = "schedules"
    ) -> [(subject: String, text: String, schedule: Schedule)] {
        guard let members = json.object else {
            findings.add(position, "must be an object", "Write { \"post\": \"daily at 06:00\" }.")
            return []
        }
        var out: [(subject: String, text: String, schedule: Schedule)] = []
        var seen: Set<String> = []
        for (subject, value) in members {
            let place = "\(position).\(subject.prefix(64))"
            guard Schedule.subjects.contains(subject) else {
                findings.add(place, "is nothing that can have a schedule", "Known are \(Schedule.subjects.joined(separator: ", ")).")
                continue
            }
            guard seen.insert(subject).inserted else {
                findings.add(place, "is stated twice", "State it once.")
                continue
            }
            guard let text = value.string else {
                findings.add(place, "must be a string", "Write it such as \"daily at 06:00\".")
                continue
            }
            var wrong: [Finding] = []
            if let schedule = Schedule.read(text, zone: zone, at: place, into: &wrong) { out.append((subject, plain(text), schedule)) }
            for finding in wrong { findings.add(place, finding.why, finding.remedy) }
        }
        return out
    }
}
