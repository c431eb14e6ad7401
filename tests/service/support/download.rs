//! A long answer that is read at the test's own pace, and may be cut before its end.

use nix::sys::socket::{setsockopt, sockopt::RcvBuf};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Small: what the test has not read yet, the service has not got rid of.
const RECEIVE_BUFFER_BYTES: usize = 16 * 1024;

pub struct Download {
    stream: BufReader<TcpStream>,
    pub status: u16,
    head: Vec<String>,
    body: Vec<u8>,
    /// Of the body: up to the end of what was found last.
    seen: usize,
    complete: bool,
}

impl Download {
    /// Reads the head of the answer and no more.
    pub fn start(port: u16, path: &str, headers: super::http::Headers) -> Download {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        setsockopt(&stream, RcvBuf, &RECEIVE_BUFFER_BYTES).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        let lines: String = lines.collect();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
        (&stream).write_all(request.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
        Download {
            stream,
            status,
            head,
            body: Vec::new(),
            seen: 0,
            complete: false,
        }
    }

    /// Empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut pairs = self.head.iter().filter_map(|line| line.split_once(": "));
        let found = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// Reads until so much has come in all, or nothing more comes.
    pub fn read_up_to(&mut self, bytes: usize) -> &[u8] {
        while self.body.len() < bytes && self.read_chunk().is_some() {}
        &self.body
    }

    /// Reads until this has come, after what was found before. False: nothing more comes, and it has not.
    pub fn read_until(&mut self, part: &str) -> bool {
        loop {
            let unseen = &self.body[self.seen..];
            let mut places = unseen.windows(part.len());
            if let Some(at) = places.position(|bytes| bytes == part.as_bytes()) {
                self.seen += at + part.len();
                return true;
            }
            if self.read_chunk().is_none() {
                return false;
            }
        }
    }

    /// What came in all, and whether that was the whole answer.
    pub fn read_whole(mut self) -> (String, bool) {
        while self.read_chunk().is_some() {}
        (String::from_utf8(self.body).unwrap(), self.complete)
    }

    /// None: there is no more, be it that the answer ended or that the connection did.
    fn read_chunk(&mut self) -> Option<()> {
        let mut size = String::new();
        self.stream.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
        if size == 0 {
            self.complete = true;
            return None;
        }
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).ok()?;
        self.body.extend_from_slice(&chunk[..size]);
        Some(())
    }
}
