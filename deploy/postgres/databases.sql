-- One role and one database a service, and no service can connect to another's.
-- psql reads this once, when the volume is empty; the passwords come from its environment.

\getenv profile_password PROFILE_DB_PASSWORD
\getenv scoring_password SCORING_DB_PASSWORD
\getenv engagement_password ENGAGEMENT_DB_PASSWORD
\getenv ticketing_password TICKETING_DB_PASSWORD

CREATE ROLE profile LOGIN PASSWORD :'profile_password';
CREATE DATABASE profile OWNER profile;
REVOKE ALL ON DATABASE profile FROM PUBLIC;

CREATE ROLE scoring LOGIN PASSWORD :'scoring_password';
CREATE DATABASE scoring OWNER scoring;
REVOKE ALL ON DATABASE scoring FROM PUBLIC;

CREATE ROLE engagement LOGIN PASSWORD :'engagement_password';
CREATE DATABASE engagement OWNER engagement;
REVOKE ALL ON DATABASE engagement FROM PUBLIC;

CREATE ROLE ticketing LOGIN PASSWORD :'ticketing_password';
CREATE DATABASE ticketing OWNER ticketing;
REVOKE ALL ON DATABASE ticketing FROM PUBLIC;
